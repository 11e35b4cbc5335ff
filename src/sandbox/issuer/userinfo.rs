//! `/userinfo`: what the bearer of an access token may know about the person.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Issuer, UserinfoShape, id_token};
use crate::clock::Timestamp;
use crate::sandbox::fault::through;

/// When everybody's profile was last changed.
const UPDATED_AT: Timestamp = Timestamp::from_unix(1_767_225_600);

/// A userinfo request, GET or POST.
pub(super) async fn answer(State(issuer): State<Issuer>, headers: HeaderMap) -> Response {
    let fault = issuer.faults().userinfo.take();
    through(fault, async { process(&issuer, &headers) }).await
}

fn process(issuer: &Issuer, headers: &HeaderMap) -> Response {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .and_then(|token| issuer.book().access(token, issuer.now()));
    // An access token without `openid` does not name this endpoint as an audience.
    let Some(access) = bearer.filter(|access| access.grant.has("openid")) else {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"sandbox\", error=\"invalid_token\"")];
        return (StatusCode::UNAUTHORIZED, challenge, "Unauthorized").into_response();
    };
    let mut claims = id_token::person_claims(issuer, &access.grant);
    if access.grant.has("profile") {
        // OpenID Connect wants a number here; Auth0 sends text.
        claims.insert("updated_at".to_owned(), json!(UPDATED_AT.rfc3339()));
    }
    match issuer.faults().userinfo_shape.take() {
        None => {}
        Some(UserinfoShape::WrongSub) => {
            claims.insert("sub".to_owned(), json!("sandbox|somebody-else"));
        }
        Some(UserinfoShape::With(name, value)) => {
            claims.insert(name.to_owned(), value);
        }
        Some(UserinfoShape::Without(name)) => {
            claims.remove(name);
        }
    }
    ([(header::CACHE_CONTROL, "no-store")], Json(claims)).into_response()
}
