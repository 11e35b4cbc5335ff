//! `POST /oauth/introspect` (RFC 7662): a resource server asks what becomes of a content token at its environment.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

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
    Ok(Json(told(broker, introspection)).into_response())
}

/// RFC 7662 section 2.2. What is active holds the members that the token says, or that are known of it.
#[derive(Serialize, ToSchema)]
pub struct Introspected {
    active: bool,
    #[serde(flatten)]
    members: Map<String, Value>,
}

fn told(broker: &Broker, introspection: Introspection) -> Introspected {
    let members = match introspection {
        Introspection::Content { environment: Some(environment), active: Some(active) } => {
            active.members(&environment, &broker.issuer_identifier())
        }
        Introspection::Session { active: Some(active), .. } => active.claims,
        Introspection::Content { .. } | Introspection::Session { .. } => {
            return Introspected { active: false, members: Map::new() };
        }
    };
    Introspected { active: true, members }
}
