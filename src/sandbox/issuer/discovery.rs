//! `/.well-known/openid-configuration` and the key set.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::keys::SigningKey;
use super::{DiscoveryShape, Issuer};
use crate::sandbox::fault::through;

/// The discovery document.
pub(super) async fn configuration(State(issuer): State<Issuer>) -> Response {
    issuer.book().discovery_requests += 1;
    let fault = issuer.faults().discovery.take();
    through(fault, async { Json(document(&issuer)).into_response() }).await
}

/// What RFC 8414 has it publish, if anything.
pub(super) async fn oauth_metadata(State(issuer): State<Issuer>) -> Response {
    let fault = issuer.faults().oauth_discovery.take();
    through(fault, async {
        match issuer.faults().oauth_metadata.take() {
            Some(document) => Json(document).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    })
    .await
}

/// The public halves of the signing keys.
pub(super) async fn key_set(State(issuer): State<Issuer>) -> Response {
    issuer.book().key_set_requests += 1;
    let fault = issuer.faults().jwks.take();
    through(fault, async {
        let keys = issuer.keys().published();
        ([(header::CACHE_CONTROL, "public, max-age=15")], Json(keys)).into_response()
    })
    .await
}

/// Where a forged ID token's `jku` points to.
pub(super) async fn stranger_key_set() -> Json<Value> {
    Json(json!({ "keys": [SigningKey::stranger().jwk()] }))
}

fn document(issuer: &Issuer) -> Value {
    let mut document = json!({
        "issuer": issuer.url(),
        "authorization_endpoint": issuer.endpoint("authorize"),
        "token_endpoint": issuer.endpoint("oauth/token"),
        "userinfo_endpoint": issuer.endpoint("userinfo"),
        "jwks_uri": issuer.endpoint(".well-known/jwks.json"),
        "revocation_endpoint": issuer.endpoint("oauth/revoke"),
        "introspection_endpoint": issuer.endpoint("oauth/introspect"),
        "end_session_endpoint": issuer.endpoint("oidc/logout"),
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "name", "nickname",
            "picture", "email", "email_verified", "updated_at"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    });
    match issuer.faults().discovery_shape.take() {
        None => {}
        Some(DiscoveryShape::WrongIssuer) => document["issuer"] = json!("http://other-issuer.test/"),
        Some(DiscoveryShape::ForeignTokenEndpoint(url)) => document["token_endpoint"] = json!(url),
        Some(DiscoveryShape::With(name, value)) => document[name] = value,
        Some(DiscoveryShape::Without(name)) => {
            document.as_object_mut().map(|members| members.remove(name));
        }
    }
    document
}
