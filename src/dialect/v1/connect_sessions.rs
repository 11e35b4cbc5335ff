//! `POST /v1/connect-sessions`: a platform's backend brings its word of who one of its users is, and is given a link for them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::caller;
use super::refusal::Refusal;
use super::words;
use crate::Broker;
use crate::connect_session::make::{self, Wish};
use crate::error::Error;
use crate::secret::Token;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The platform's word of who its user is: a JWT that it signed a moment ago, good once.
    #[schema(value_type = String)]
    user_token: Token,
    /// The key of the app that they are to connect.
    app: Option<String>,
    /// A page of the platform's, where they come back to.
    return_to: Option<String>,
}

/// A link for one user of the platform, good once.
#[derive(Serialize, ToSchema)]
pub struct ConnectSession {
    #[schema(schema_with = self::kind)]
    object: &'static str,
    /// `cs_…`
    id: String,
    /// To be opened in the user's browser. It stands for them, so nobody else may have it.
    #[schema(value_type = String, format = "uri")]
    url: Url,
    /// Seconds since 1970.
    expires_at: i64,
}

fn kind() -> Object {
    words::words(["connect_session"].into_iter())
}

pub async fn create(
    State(broker): State<Broker>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<ConnectSession>), Refusal> {
    // Who asks is judged before what is asked.
    let caller = caller(&broker, &headers).await?;
    let Asked { user_token, app, return_to } = read(&body.map_err(|_| Error::TooLarge)?)?;
    let made = make::make(&broker, &caller, Wish { user_token, app, return_to }).await?;
    let answer = ConnectSession {
        object: "connect_session",
        id: made.id,
        url: made.url,
        expires_at: made.expires_at.unix(),
    };
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
