//! The JSON surface for backends.

mod connect_sessions;
mod connections;
mod environments;
mod refusal;
pub mod session;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use self::refusal::Refusal;
use super::authorization_header::bearer_token;
use crate::Broker;
use crate::access::decide::Demand;
use crate::access::hand_out;
use crate::access::hand_out::AccessToken;
use crate::access::read;
use crate::caller::{Caller, authenticate};
use crate::connection::due::DEFAULT_MIN_TTL;
use crate::error::Error;

pub fn router() -> Router<Broker> {
    Router::new()
        .route("/v1/connections", get(connections::list))
        .route("/v1/connections/{id}", get(connections::one))
        .route("/v1/connections/{id}/token", post(token))
        .route("/v1/connect-sessions", post(connect_sessions::create))
        .route("/v1/environments", get(environments::list))
}

#[must_use]
pub fn refuse(error: Error) -> Response {
    Refusal(error).into_response()
}

/// What a backend may ask of a token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TokenDemand {
    /// Seconds of life it must have at least, 0 to 86400.
    min_ttl: i64,
    force_refresh: bool,
}

impl Default for TokenDemand {
    fn default() -> Self {
        Self { min_ttl: DEFAULT_MIN_TTL, force_refresh: false }
    }
}

/// `POST /v1/connections/{id}/token`: a hand-out with its true life.
async fn token(
    State(broker): State<Broker>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    let key = bearer_token(&headers).ok_or(Error::NotAuthed)?;
    let demand = match body.map_err(|_| Error::TooLarge).and_then(|body| demand(&body)) {
        Ok(demand) => demand,
        // Who asks is judged before what is asked.
        Err(error) => {
            authenticate::by_key(&broker, &key).await?;
            return Err(error.into());
        }
    };
    let handed = hand_out::access_token(&broker, &key, &id, demand).await?;
    Ok(Json(answer(&handed)))
}

fn demand(body: &[u8]) -> Result<Demand, Error> {
    let asked = if body.is_empty() { TokenDemand::default() } else { parse(body)? };
    if !(0..=86_400).contains(&asked.min_ttl) {
        return Err(Error::InvalidRequest("`min_ttl` must be between 0 and 86400 seconds.".to_owned()));
    }
    Ok(Demand { min_ttl: asked.min_ttl, force_refresh: asked.force_refresh })
}

fn parse(body: &[u8]) -> Result<TokenDemand, Error> {
    // An object only: serde would take a list for a struct too. Its own words quote what they found.
    let members = serde_json::from_slice::<serde_json::Map<String, Value>>(body).ok();
    let demand = members.and_then(|members| serde_json::from_value(Value::Object(members)).ok());
    let sentence = "The body must be a JSON object; its members may be `min_ttl`, a whole number of seconds, and \
        `force_refresh`, true or false.";
    demand.ok_or_else(|| Error::InvalidRequest(sentence.to_owned()))
}

fn answer(handed: &AccessToken) -> Value {
    let mut body = json!({
        "access_token": handed.token.expose(),
        "token_type": handed.connection.token_type.as_deref().unwrap_or("Bearer"),
        "scope": handed.connection.granted_scopes.to_string(),
        "state": read::State::from(handed.connection.status).word(),
    });
    if let Some(expires_in) = handed.expires_in {
        body["expires_in"] = json!(expires_in);
    }
    body
}

async fn caller(broker: &Broker, headers: &HeaderMap) -> Result<Arc<Caller>, Error> {
    let key = bearer_token(headers).ok_or(Error::NotAuthed)?;
    authenticate::by_key(broker, &key).await
}
