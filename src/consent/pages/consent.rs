//! `/connect/{app}`: who asks for what, and the way to the issuer.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::to_app;
use crate::Broker;
use crate::account::Account;
use crate::app::pages::face;
use crate::app::{App, IdentityRule};
use crate::config::Config;
use crate::connection::allowed::Access;
use crate::consent::attempt::ReturnToApp;
use crate::consent::choice::Choice;
use crate::consent::start::{Wish, app_to_connect, renewed, scopes_to_ask, start};
use crate::content::overview;
use crate::error::Error;
use crate::issuer::scope::Scopes;
use crate::pages::choice::{Choices, Chosen, Now, named};
use crate::pages::in_words::{home_page, permissions};
use crate::web::failure::PageFailure;
use crate::web::forms::{OwnForm, PageQuery};
use crate::web::view::{Environment, Face, HomePage, Page, Permissions, Time};
use crate::web::{SignedInBrowser, encode, html, take_to};

/// Who asks for what. Shown only to a signed-in person.
#[derive(Debug, Template)]
#[template(path = "consent.html")]
struct ConsentPage {
    page: Page,
    app: Face,
    issuer: Face,
    /// The app's own text, shown as theirs.
    description: Option<String>,
    home_page: Option<HomePage>,
    permissions: Permissions,
    choices: Choices,
    /// Those where there is nothing to choose; may be empty.
    environments: Vec<Environment>,
    /// The issuer keeps one grant alive for each identity and app, and it is not known who will agree there.
    ends_another: bool,
    /// Since when a live connection of this person and app exists.
    already: Option<Time>,
    /// Where "Continue" posts to: `/connect/{app}`.
    action: String,
    /// More hidden fields of that form, by name and value.
    hidden: Vec<(String, String)>,
    /// Where "Cancel" leads.
    cancel: String,
    /// This page's own path and query: sent as `return_to` with "Not you? Sign out".
    here: String,
}

/// What a connect link may say. RFC 6749 names, for the app's own return.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Link {
    connection: Option<String>,
    redirect_uri: Option<String>,
    state: Option<String>,
    /// Present where the person wants less: then only the scopes that are named by `may-…` are kept.
    narrow: Option<String>,
    /// What the issuer is to ask, whoever it knows already.
    prompt: Option<String>,
    #[serde(flatten)]
    more: BTreeMap<String, String>,
}

/// Before the name of a scope that is kept.
pub(crate) const KEPT: &str = "may-";

/// What "Continue" sends.
#[derive(Debug, Deserialize)]
pub struct Answer {
    #[serde(flatten)]
    link: Link,
    #[serde(flatten)]
    chosen: Chosen,
}

/// The id of the form at the end of the page, to which what stands above belongs.
const FORM: &str = "answer";

impl Link {
    fn wish(&self, config: &Config, account: &Account, app: &App) -> Result<Wish, Error> {
        // RFC 6749 appendix A.5 has printable ASCII; people's letters are let through, and nothing is left out
        // silently, because the app compares.
        if self.state.as_ref().is_some_and(|state| state.len() > 2048 || state.contains(char::is_control)) {
            let sentence = "The app's `state` is longer than 2048 bytes or holds control characters.";
            return Err(Error::InvalidRequest(sentence.to_owned()));
        }
        let state = self.state.clone();
        let back =
            self.redirect_uri.as_deref().map(|uri| ReturnToApp::parse(config, account, app, uri, state));
        let choice = Choice::default();
        Ok(Wish {
            connection: self.connection.clone(),
            return_to_app: back.transpose()?,
            choice,
            narrow: self.kept(),
            prompt: self.prompt.as_deref().and_then(|word| word.parse().ok()),
        })
    }

    fn fields(&self) -> Vec<(String, String)> {
        let fields = [
            ("connection", &self.connection),
            ("redirect_uri", &self.redirect_uri),
            ("state", &self.state),
            ("narrow", &self.narrow),
            ("prompt", &self.prompt),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        let kept = self.more.iter().filter(|(name, _)| name.starts_with(KEPT));
        given.chain(kept.map(|(name, value)| (name.clone(), value.clone()))).collect()
    }

    /// What is kept of the scopes, where the person wants less.
    fn kept(&self) -> Option<Scopes> {
        self.narrow.as_ref()?;
        let kept: Vec<&str> = self.more.keys().filter_map(|name| name.strip_prefix(KEPT)).collect();
        Some(Scopes::lenient(&kept.join(" ")))
    }

    fn query(&self) -> String {
        let pairs: Vec<String> =
            self.fields().iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
    }
}

pub async fn show(
    State(broker): State<Broker>,
    Path(key): Path<String>,
    PageQuery(link): PageQuery<Link>,
    signed_in: SignedInBrowser,
) -> Result<Response, PageFailure> {
    let app = app_to_connect(&broker, &key).await?;
    let wish = link.wish(&broker.config, &signed_in.account, &app)?;
    let renewed = renewed(&broker, &signed_in.account, &app, &wish).await?;
    let scopes = scopes_to_ask(&app, renewed.as_ref(), &wish)?;
    let before = renewed.as_ref().map_or(&scopes, |renewed| &renewed.granted_scopes);
    let open = overview::of_person(&broker, &app, &signed_in.account).await?;
    let proposed = if app.asks_to_write() { Access::Write } else { Access::Read };
    let holds = renewed
        .as_ref()
        .map_or(Now::Proposed(proposed), |renewed| Now::Chosen(renewed.consent_expires_at, &renewed.allowed));
    let cancel = wish.return_to_app.as_ref().map(|back| back.with(&[("error", "access_denied")]).to_string());
    let page = ConsentPage {
        page: signed_in.browser.page(format!("Connect {}", app.name)),
        app: face(&app),
        issuer: Face::named(&app.issuer.name),
        description: Some(app.description.clone()).filter(|words| !words.is_empty()),
        home_page: home_page(&app),
        permissions: permissions(&app, &scopes, before),
        choices: Choices::of(FORM, &open, holds, broker.clock.now()),
        environments: open
            .iter()
            .filter(|open| open.permissions.is_none())
            .map(|open| named(&open.environment))
            .collect(),
        ends_another: renewed.is_none() && ends_another(&app),
        already: renewed.as_ref().map(|connection| Time::of(connection.connected_at, broker.clock.now())),
        action: format!("/connect/{key}"),
        hidden: link.fields(),
        cancel: cancel.unwrap_or_else(|| "/account/connected-apps".to_owned()),
        here: format!("/connect/{key}{}", link.query()),
    };
    Ok(html(StatusCode::OK, &page))
}

/// Whether a consent may end somebody's connection at the issuer. Where people agree as who they are here, theirs is the only
/// one, and is renewed.
fn ends_another(app: &App) -> bool {
    let one_alive = app.issuer.profile.live_refresh_tokens == Some(1);
    one_alive && app.identity_rule == IdentityRule::Any
}

pub async fn go_on(
    State(broker): State<Broker>,
    Path(key): Path<String>,
    form: OwnForm<Answer>,
) -> Result<Response, PageFailure> {
    let SignedInBrowser { account, binding, .. } = form.signed_in;
    let app = app_to_connect(&broker, &key).await?;
    let Answer { link, chosen } = form.fields;
    let here = format!("/connect/{key}{}", link.query());
    broker
        .limits
        .admit_connect(&account.id)
        .map_err(|error| to_app::failed(error, &app, here.clone(), None))?;
    let open = overview::of_person(&broker, &app, &account).await?;
    let wish = link.wish(&broker.config, &account, &app)?;
    let before = renewed(&broker, &account, &app, &wish).await?;
    let choice = chosen.choice(&open, before.as_ref().map(|before| &before.allowed))?;
    let wish = Wish { choice, ..wish };
    let url = start(&broker, &account, &binding, &app, &wish).await;
    let url = url.map_err(|error| to_app::failed(error, &app, here, wish.return_to_app.as_ref()))?;
    Ok(take_to(&broker.config, &url, &app.issuer.name))
}
