//! `POST /oauth/introspect` (RFC 7662): tells a confidential client what an access token is.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::params::{self, Params, Refusal, error};
use super::{ClientAuth, IntrospectionShape, Issuer};
use crate::sandbox::fault::through;
use crate::sandbox::jwt::{Object, object};

/// A question about a token.
pub(super) async fn answer(State(issuer): State<Issuer>, headers: HeaderMap, body: Bytes) -> Response {
    issuer.book().introspections += 1;
    let params = Params::body(&headers, &body);
    let fault = issuer.faults().introspection.take();
    through(fault, async { process(&issuer, &headers, &params).into_response() }).await
}

fn process(issuer: &Issuer, headers: &HeaderMap, params: &Params) -> Result<Response, Refusal> {
    let client = params::client(issuer, headers, params)?;
    if client.auth == ClientAuth::None {
        let text = "Client authentication is required.";
        return Err(error(StatusCode::UNAUTHORIZED, "invalid_client", text));
    }
    let Some(token) = params.get("token") else {
        return Err(error(StatusCode::BAD_REQUEST, "invalid_request", "Missing required parameter: token"));
    };
    let mut members = members(issuer, token);
    match issuer.faults().introspection_shape.take() {
        None => {}
        Some(IntrospectionShape::With(name, value)) => drop(members.insert(name.to_owned(), value)),
        Some(IntrospectionShape::Without(name)) => drop(members.remove(name)),
    }
    Ok(Json(members).into_response())
}

/// Of what is no live access token, nothing but that.
fn members(issuer: &Issuer, token: &str) -> Object {
    let Some(access) = issuer.book().live_access(token, issuer.now()) else {
        return object(json!({ "active": false }));
    };
    let scope: Vec<&str> = access.grant.scope.iter().map(String::as_str).collect();
    object(json!({
        "active": true,
        "iss": issuer.url(),
        "sub": access.grant.subject,
        "client_id": access.grant.client,
        "aud": access.grant.audience.map_or(Value::Null, Value::from),
        "scope": scope.join(" "),
        "token_type": "Bearer",
        "iat": access.issued_at,
        "exp": access.expires_at,
    }))
}
