//! `POST /v1/session/tokens` and `/v1/session/tokens/{template}`: a token of whoever is signed in, for the page that asks. The
//! body may name a resource (RFC 8707): then it is a content token for there.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::origin::AskingOrigin;
use super::{SessionBrowser, here};
use crate::Broker;
use crate::content::for_session;
use crate::dialect::v1::refusal::Refusal;
use crate::error::Error;
use crate::session_token::{Asked, Minted, mint};
use crate::web::Browser;

pub async fn of_session(
    State(broker): State<Broker>,
    Extension(AskingOrigin(origin)): Extension<AskingOrigin>,
    SessionBrowser(browser): SessionBrowser,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    answer(&broker, &origin, &browser, body, None).await
}

pub async fn of_template(
    State(broker): State<Broker>,
    Path(template): Path<String>,
    Extension(AskingOrigin(origin)): Extension<AskingOrigin>,
    SessionBrowser(browser): SessionBrowser,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    answer(&broker, &origin, &browser, body, Some(&template)).await
}

async fn answer(
    broker: &Broker,
    origin: &str,
    browser: &Browser,
    body: Result<Bytes, BytesRejection>,
    template: Option<&str>,
) -> Result<Json<Value>, Refusal> {
    let (Some(account), Some((session, session_ends))) = (&browser.account, here(browser)) else {
        return Err(Error::SignedOut.into());
    };
    broker.limits.admit_session_token(session.as_str())?;
    let Wanted { resource } = Wanted::read(&body.map_err(|_| Error::TooLarge)?)?;
    let asked = Asked { account, session: &session, session_ends, origin };
    let Minted { jwt, expires_at } = match (template, resource) {
        (None, None) => mint::of_session(broker, &asked)?,
        (None, Some(resource)) => for_session::token(broker, &asked, &resource).await?,
        (Some(name), None) => mint::of_template(broker, &asked, name).await?,
        (Some(_), Some(_)) => {
            let sentence = "A template says by itself whom its tokens are for; leave out `resource`.";
            return Err(Error::InvalidRequest(sentence.to_owned()).into());
        }
    };
    let expires_in = expires_at.seconds_from(broker.clock.now());
    Ok(Json(json!({ "object": "token", "jwt": jwt.expose(), "expires_in": expires_in })))
}

/// What a page may say of the token that it wants.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The content API URL of an environment.
    resource: Option<String>,
}

impl Wanted {
    /// An empty body says nothing.
    fn read(body: &[u8]) -> Result<Self, Error> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(body).map_err(|_| {
            let sentence = "The body must be empty, or a JSON object with `resource` at the most.";
            Error::InvalidRequest(sentence.to_owned())
        })
    }
}
