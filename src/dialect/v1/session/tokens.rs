//! `POST /v1/session/tokens` and `/v1/session/tokens/{template}`: a token of whoever is signed in, for the page that asks.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::origin::AskingOrigin;
use super::{SessionBrowser, here};
use crate::Broker;
use crate::dialect::v1::named::Named;
use crate::dialect::v1::refusal::Refusal;
use crate::dialect::v1::words;
use crate::error::Error;
use crate::session_token::mint::{self, Asked, Minted};
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
    read(&body.map_err(|_| Error::TooLarge)?)?;
    let asked = Asked { account, session: &session, session_ends, origin };
    let Minted { jwt, expires_at } = match template {
        None => mint::of_session(broker, &asked)?,
        Some(name) => mint::of_template(broker, &asked, name).await?,
    };
    let expires_in = expires_at.seconds_from(broker.clock.now());
    Ok(Json(SessionToken { object: "token", jwt: jwt.expose(), expires_in }).into_response())
}

/// Nothing may be asked of a token so far but which one it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NothingAsked {}

fn read(body: &[u8]) -> Result<(), Error> {
    if body.is_empty() {
        return Ok(());
    }
    // An object only: serde would take a list for a struct too.
    let asked = serde_json::from_slice::<Map<String, Value>>(body).ok();
    asked
        .and_then(|members| serde_json::from_value::<NothingAsked>(Value::Object(members)).ok())
        .map(drop)
        .ok_or_else(|| Error::InvalidRequest("The body must be empty, or an empty JSON object.".to_owned()))
}
