//! `POST /oauth/introspect` (RFC 7662): a resource server asks what becomes of a content token at its environment.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::token_request::TokenRequest;
use crate::Broker;
use crate::error::Error;
use crate::resource_server::introspect::{Active, introspect};
use crate::secret::Token;

/// What is told of a token, of what it says. RFC 7662 section 2.2, RFC 8693 section 4.1 and RFC 9396 section 9.2; `app` is ours.
const TOLD: [&str; 11] =
    ["scope", "client_id", "app", "exp", "iat", "sub", "aud", "iss", "jti", "act", "authorization_details"];

pub(super) async fn answer(
    broker: &Broker,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Error> {
    let body = body.map_err(|_| Error::TooLarge)?;
    let mut request = TokenRequest::parse(headers, &body)?;
    // A hint changes nothing: there is one kind of token.
    let token = request.take("token").map(Token::new);
    let (id, secret) = (&request.client_id, &request.client_secret);
    let introspection = introspect(broker, Some(id), secret, token.as_ref()).await?;
    if token.is_none() {
        return Err(Error::InvalidRequest("`token` is missing.".to_owned()));
    }
    Ok(Json(introspection.active.as_ref().map_or_else(|| json!({ "active": false }), told)).into_response())
}

fn told(active: &Active) -> Value {
    let claims = &active.token.claims;
    let said = TOLD.into_iter().filter_map(|name| Some((name.to_owned(), claims.get(name)?.clone())));
    let mut members: Map<String, Value> = said.collect();
    members.insert("active".to_owned(), json!(true));
    members.insert("token_type".to_owned(), json!("Bearer"));
    Value::Object(members)
}
