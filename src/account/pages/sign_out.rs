//! `POST /sign-out`: here first, then at the issuer if it can be.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::sign_in;
use crate::Broker;
use crate::account;
use crate::account::record::record;
use crate::account::sign_out::{IssuersEnd, SignedOut};
use crate::account::vouched::signs_in_at;
use crate::config::Config;
use crate::ledger::Action;
use crate::web::cookies::{Cookies, OwnCookie};
use crate::web::failure::PageFailure;
use crate::web::forms::OwnForm;
use crate::web::view::{Link, MessagePage, Page};
use crate::web::{SignedInBrowser, html, return_to, take_to};

#[derive(Deserialize)]
pub struct SignOut {
    return_to: Option<String>,
}

pub async fn leave(
    State(broker): State<Broker>,
    cookies: Cookies,
    form: OwnForm<SignOut>,
) -> Result<Response, PageFailure> {
    let SignedInBrowser { browser, account, .. } = form.signed_in;
    let id_token = browser.sign_out().await?;
    record(&broker, Action::SignedOut, &account.id).await?;
    let path = form.fields.return_to.map(|path| return_to::parse(&broker.config.public_url, Some(&path)));
    let signed_out = SignedOut::toward(path.clone());
    let issuer = account::our_client::issuer(&broker).await?.name;
    let mut answer = match signed_out.at_the_issuer(&broker, &account, id_token.as_ref()).await? {
        IssuersEnd::NotTheirs => {
            return Ok(of_a_platform(&broker.config, &signs_in_at(&broker, &account).await?));
        }
        IssuersEnd::At(url) => take_to(&broker.config, &url, &issuer),
        IssuersEnd::Nowhere => here_only(
            &broker.config,
            format!(
                "{issuer} offers no way to sign out there from here, so you may still be signed in there."
            ),
            path.as_deref(),
        ),
        IssuersEnd::Unknown => here_only(
            &broker.config,
            format!("{issuer} does not answer right now, so you may still be signed in there."),
            path.as_deref(),
        ),
    };
    // It stays until the issuer says that it knows, or somebody has signed in anew.
    cookies.keep(&mut answer, OwnCookie::SignedOut, &signed_out.write()?)?;
    Ok(answer)
}

/// Who was sent here by a platform, which knows how to send them again.
fn of_a_platform(config: &Config, platform: &str) -> Response {
    let page = MessagePage {
        page: Page::new("Signed out").branded(config),
        heading: "You are signed out here".to_owned(),
        sentences: vec![format!(
            "{platform} sent you here. You may still be signed in there. To come back, begin there again."
        )],
        said: None,
        primary: Link { label: "To the first page".to_owned(), href: "/".to_owned() },
        secondary: None,
        request_id: None,
    };
    html(StatusCode::OK, &page)
}

/// Who has signed out, as far as this place goes.
fn here_only(config: &Config, there: String, path: Option<&str>) -> Response {
    let page = MessagePage {
        page: Page::new("Signed out").branded(config),
        heading: "You are signed out here".to_owned(),
        sentences: vec![there, "The next time, you are asked to sign in anew.".to_owned()],
        said: None,
        primary: match path {
            Some(path) => Link { label: "Sign in as another".to_owned(), href: sign_in::as_another(path) },
            None => Link { label: "Sign in".to_owned(), href: "/sign-in".to_owned() },
        },
        secondary: Some(Link { label: "To the first page".to_owned(), href: "/".to_owned() }),
        request_id: None,
    };
    html(StatusCode::OK, &page)
}
