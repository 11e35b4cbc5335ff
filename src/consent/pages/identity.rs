//! `/connect/{app}/identity/{name}`: another identity consented than the connection's own, and the person says what that
//! was for.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use url::Url;

use super::callback::onward;
use super::to_app;
use crate::Broker;
use crate::app::pages::face;
use crate::consent::complete::another_identity::{Decision, decide, question};
use crate::consent::start::app_to_connect;
use crate::error::{ConnectFault, Error};
use crate::secret::TokenHash;
use crate::web::failure::PageFailure;
use crate::web::forms::OwnForm;
use crate::web::view::{Face, Page};
use crate::web::{SignedInBrowser, html, see_other, take_to};

#[derive(Debug, Template)]
#[template(path = "identity.html")]
struct IdentityPage {
    page: Page,
    app: Face,
    issuer_name: String,
    /// Who consented now.
    given_by: String,
    /// Whose the connection is; None when it is not live any more.
    pinned: Option<String>,
    has_its_own: bool,
    /// This page's own path.
    here: String,
}

pub async fn show(
    State(broker): State<Broker>,
    Path((key, name)): Path<(String, String)>,
    signed_in: SignedInBrowser,
) -> Result<Response, PageFailure> {
    let app = app_to_connect(&broker, &key).await?;
    let state = named(&name)?;
    let asked = question(&broker, &signed_in.account, &signed_in.binding, &app, &state).await;
    let asked = asked.map_err(|error| to_app::failed(error, &app, format!("/connect/{key}"), None))?;
    let account = &signed_in.account;
    let nobody = || "an account without a name".to_owned();
    let page = IdentityPage {
        page: signed_in.browser.page("Another account".to_owned()),
        app: face(&app),
        issuer_name: app.issuer.name.clone(),
        given_by: asked.given_by.in_words(account).unwrap_or_else(nobody),
        pinned: asked.pinned.map(|pinned| pinned.external.in_words(account).unwrap_or_else(nobody)),
        has_its_own: asked.has_its_own,
        here: format!("/connect/{key}/identity/{name}"),
    };
    Ok(html(StatusCode::OK, &page))
}

fn named(name: &str) -> Result<TokenHash, Error> {
    let good = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte));
    good.then(|| TokenHash::stored(name.to_owned())).ok_or_else(|| ConnectFault::StateUnknown.into())
}

#[derive(Deserialize)]
pub struct Answer {
    decision: Decision,
}

pub async fn answer(
    State(broker): State<Broker>,
    Path((key, name)): Path<(String, String)>,
    form: OwnForm<Answer>,
) -> Result<Response, PageFailure> {
    let SignedInBrowser { account, binding, .. } = form.signed_in;
    let app = app_to_connect(&broker, &key).await?;
    let state = named(&name)?;
    let decided = decide(&broker, &account, &binding, &app, &state, form.fields.decision).await;
    let decided = decided.map_err(|error| to_app::failed(error, &app, format!("/connect/{key}"), None))?;
    let Some(completed) = decided else { return Ok(see_other("/account/connected-apps")) };
    let place = onward(&completed, &key);
    Ok(match Url::parse(&place) {
        Ok(address) => take_to(&broker.config, &address, &app.name),
        // A path of ours.
        Err(_) => see_other(&place),
    })
}
