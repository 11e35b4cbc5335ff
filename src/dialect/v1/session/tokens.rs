//! `POST /v1/session/tokens` and `/v1/session/tokens/{template}`: a token of whoever is signed in, for the page that asks. The
//! body may name a resource (RFC 8707): then it is a content token for there.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::origin::AskingOrigin;
use super::{SessionBrowser, here};
use crate::Broker;
use crate::content::for_session;
use crate::dialect::v1::named::Named;
use crate::dialect::v1::refusal::Refusal;
use crate::dialect::v1::words;
use crate::error::Error;
use crate::session_token::{Asked, Minted, mint};
use crate::web::Browser;

/// A token of whoever is signed in.
#[derive(Serialize, ToSchema)]
pub struct SessionToken<'a> {
    #[schema(schema_with = self::kind)]
    object: &'static str,
    jwt: &'a str,
    /// Seconds.
    expires_in: i64,
}

fn kind() -> Object {
    words::words(["token"].into_iter())
}

pub async fn of_session(
    State(broker): State<Broker>,
    Extension(AskingOrigin(origin)): Extension<AskingOrigin>,
    SessionBrowser(browser): SessionBrowser,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    answer(&broker, &origin, &browser, body, None).await
}

pub async fn of_template(
    State(broker): State<Broker>,
    Named(template): Named,
    Extension(AskingOrigin(origin)): Extension<AskingOrigin>,
    SessionBrowser(browser): SessionBrowser,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    answer(&broker, &origin, &browser, body, Some(&template)).await
}

async fn answer(
    broker: &Broker,
    origin: &str,
    browser: &Browser,
    body: Result<Bytes, BytesRejection>,
    template: Option<&str>,
) -> Result<Response, Refusal> {
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
    Ok(Json(SessionToken { object: "token", jwt: jwt.expose(), expires_in }).into_response())
}

/// What a page may say of the token that it wants.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The content API URL of an environment: then it is a content token for there. Not with a template.
    resource: Option<String>,
}

impl Wanted {
    /// An empty body says nothing.
    fn read(body: &[u8]) -> Result<Self, Error> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        // An object only: serde would take a list for a struct too.
        let is_object = body.trim_ascii_start().starts_with(b"{");
        let said = serde_json::from_slice(body).ok().filter(|_| is_object);
        said.ok_or_else(|| {
            let sentence = "The body must be empty, or a JSON object with `resource` at the most.";
            Error::InvalidRequest(sentence.to_owned())
        })
    }
}

/// Nothing may be asked of a template's token but which one it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NothingAsked {}
