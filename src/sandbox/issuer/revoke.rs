//! `POST /oauth/revoke` (RFC 7009): ends what descends from the same consent as a token, and what else its reach says.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::Issuer;
use super::params::{self, Params, Refusal, error};
use crate::sandbox::fault::through;

/// A revocation request.
pub(super) async fn answer(State(issuer): State<Issuer>, headers: HeaderMap, body: Bytes) -> Response {
    issuer.book().revocations += 1;
    let params = Params::body(&headers, &body);
    let fault = issuer.faults().revoke.take();
    through(fault, async { process(&issuer, &headers, &params).into_response() }).await
}

fn process(issuer: &Issuer, headers: &HeaderMap, params: &Params) -> Result<Response, Refusal> {
    let client = params::client(issuer, headers, params)?;
    let Some(token) = params.get("token") else {
        return Err(error(StatusCode::BAD_REQUEST, "invalid_request", "Missing required parameter: token"));
    };
    let (reach, takes_refresh_tokens) = {
        let settings = issuer.settings();
        (settings.revocation_reach, settings.revokes_refresh_tokens)
    };
    if !takes_refresh_tokens && issuer.book().is_refresh_token(token) {
        let text = "Refresh tokens are not revoked here";
        return Err(error(StatusCode::BAD_REQUEST, "unsupported_token_type", text));
    }
    // A token that nobody knows is as revoked as it can be.
    match issuer.book().revoke(&client.id, token, reach) {
        Some(()) => Ok(StatusCode::OK.into_response()),
        None => Err(error(StatusCode::BAD_REQUEST, "invalid_request", "The token belongs to another client")),
    }
}
