//! `POST /oauth/introspect` (RFC 7662): a resource server asks what becomes of a content token at its environment.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::token_request::TokenRequest;
use crate::Broker;
use crate::error::Error;
use crate::resource_server::introspect::{Introspection, introspect};
use crate::secret::Token;

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
    Ok(Json(told(broker, &introspection)).into_response())
}

fn told(broker: &Broker, introspection: &Introspection) -> Value {
    let mut members = match introspection {
        Introspection::Content { environment: Some(environment), active: Some(active) } => {
            active.members(environment, &broker.issuer_identifier())
        }
        Introspection::Session { active: Some(active), .. } => active.claims.clone(),
        Introspection::Content { .. } | Introspection::Session { .. } => return json!({ "active": false }),
    };
    members.insert("active".to_owned(), json!(true));
    Value::Object(members)
}
