//! Auth0's Management API, as far as it knows grants: `GET /api/v2/grants` and `DELETE /api/v2/grants/{id}`, for a client
//! that was given a token for it by its credentials.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::params::{Params, Refusal, error};
use super::{Client, Issuer};
use crate::sandbox::fault::through;
use crate::secret::random_text;

const LIFETIME: i64 = 86_400;

/// `grant_type=client_credentials`, for the API's own address as audience.
pub(super) fn token(issuer: &Issuer, client: &Client, params: &Params) -> Result<Response, Refusal> {
    let audience = issuer.endpoint("api/v2/");
    if params.get("audience") != Some(&audience) || !client.audiences.contains(&audience) {
        return Err(error(StatusCode::FORBIDDEN, "access_denied", "Client is not authorized to access it."));
    }
    let token = random_text::<24>();
    let mut book = issuer.book();
    book.issued.push(token.clone());
    book.management_tokens.push(token.clone());
    let body = json!({ "access_token": token, "expires_in": LIFETIME, "token_type": "Bearer" });
    Ok(Json(body).into_response())
}

pub(super) async fn list(
    State(issuer): State<Issuer>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let fault = issuer.faults().management.take();
    let answer = async {
        if !is_known(&issuer, &headers) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let asked = Params::form(query.unwrap_or_default());
        let (subject, client) = (asked.get("user_id"), asked.get("client_id"));
        let grants = issuer.book().consents_of(subject, client);
        let grant = |(id, subject, client): (usize, String, String)| json!({ "id": id.to_string(), "user_id": subject, "clientID": client });
        Json(grants.into_iter().map(grant).collect::<Vec<Value>>()).into_response()
    };
    through(fault, answer).await
}

pub(super) async fn delete(
    State(issuer): State<Issuer>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    issuer.book().revocations += 1;
    let fault = issuer.faults().management.take();
    let answer = async {
        if !is_known(&issuer, &headers) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        if let Ok(id) = id.parse() {
            issuer.book().delete_consent(id);
        }
        StatusCode::NO_CONTENT.into_response()
    };
    through(fault, answer).await
}

fn is_known(issuer: &Issuer, headers: &HeaderMap) -> bool {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    issuer.book().management_tokens.iter().any(|known| known == token)
}
