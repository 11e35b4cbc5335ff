//! `POST /v1/connect-sessions`: a platform's backend brings its word of who one of its users is, and is given a link for them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::caller;
use super::refusal::Refusal;
use crate::Broker;
use crate::connect_session::make::{self, Wish};
use crate::error::Error;
use crate::secret::Token;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    user_token: Token,
    app: Option<String>,
    return_to: Option<String>,
}

pub async fn create(
    State(broker): State<Broker>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    // Who asks is judged before what is asked.
    let caller = caller(&broker, &headers).await?;
    let Asked { user_token, app, return_to } = read(&body.map_err(|_| Error::TooLarge)?)?;
    let made = make::make(&broker, &caller, Wish { user_token, app, return_to }).await?;
    let answer = json!({
        "object": "connect_session",
        "id": made.id,
        "url": made.url,
        "expires_at": made.expires_at.unix(),
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

fn read(body: &[u8]) -> Result<Asked, Error> {
    // An object only: serde would take a list for a struct too. Its own words quote what they found.
    let members = serde_json::from_slice::<Map<String, Value>>(body).ok();
    let asked = members.and_then(|members| serde_json::from_value(Value::Object(members)).ok());
    let sentence = "The body must be a JSON object with `user_token`, a text; its other members may be `app` and `return_to`, \
        two texts.";
    asked.ok_or_else(|| Error::InvalidRequest(sentence.to_owned()))
}
