//! `POST /v1/session/tokens` and `/v1/session/tokens/{template}`: a token of whoever is signed in, for the page that asks.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde_json::{Map, Value, json};

use super::origin::AskingOrigin;
use super::{SessionBrowser, here};
use crate::Broker;
use crate::dialect::v1::refusal::Refusal;
use crate::error::Error;
use crate::session_token::mint::{self, Asked, Minted};
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
    read(&body.map_err(|_| Error::TooLarge)?)?;
    let asked = Asked { account, session: &session, session_ends, origin };
    let Minted { jwt, expires_at } = match template {
        None => mint::of_session(broker, &asked)?,
        Some(name) => mint::of_template(broker, &asked, name).await?,
    };
    let expires_in = expires_at.seconds_from(broker.clock.now());
    Ok(Json(json!({ "object": "token", "jwt": jwt.expose(), "expires_in": expires_in })))
}

/// Nothing may be asked of a token so far but which one it is.
fn read(body: &[u8]) -> Result<(), Error> {
    if body.is_empty() {
        return Ok(());
    }
    let asked = serde_json::from_slice::<Map<String, Value>>(body).ok();
    asked
        .filter(Map::is_empty)
        .map(drop)
        .ok_or_else(|| Error::InvalidRequest("The body must be empty, or an empty JSON object.".to_owned()))
}
