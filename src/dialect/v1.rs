//! The JSON surface for backends.

pub mod connect_sessions;
pub mod connections;
pub mod environments;
mod named;
pub mod refusal;
pub mod session;
pub mod words;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use self::connections::told::HandedOut;
use self::named::Named;
use self::refusal::Refusal;
use super::authorization_header::bearer_token;
use crate::Broker;
use crate::access::decide::Demand;
use crate::access::hand_out;
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
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TokenDemand {
    /// Seconds of life that it must have at least.
    #[schema(minimum = 0, maximum = 86_400)]
    min_ttl: i64,
    /// Whether a new one is wanted in any case. At most one in 30 seconds is asked for.
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
    Named(id): Named,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
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
    Ok(Json(HandedOut::of(&handed)).into_response())
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
    let members = serde_json::from_slice::<Map<String, Value>>(body).ok();
    let demand = members.and_then(|members| serde_json::from_value(Value::Object(members)).ok());
    let sentence = "The body must be a JSON object; its members may be `min_ttl`, a whole number of seconds, and \
        `force_refresh`, true or false.";
    demand.ok_or_else(|| Error::InvalidRequest(sentence.to_owned()))
}

async fn caller(broker: &Broker, headers: &HeaderMap) -> Result<Arc<Caller>, Error> {
    let key = bearer_token(headers).ok_or(Error::NotAuthed)?;
    authenticate::by_key(broker, &key).await
}
