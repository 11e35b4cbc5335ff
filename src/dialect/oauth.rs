//! The standard OAuth surface: the token endpoint with token exchange (RFC 8693) and client
//! credentials (RFC 6749 section 4.4), the metadata (RFC 8414) and
//! the key set (RFC 7517). Introspection (RFC 7662) and revocation (RFC 7009) are of what the token endpoint gives.

mod introspect;
mod revoke;
mod token_request;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, extract::rejection::BytesRejection};
use serde_json::{Value, json};

use self::token_request::{Grant, Own, TokenRequest};
use crate::Broker;
use crate::caller::authenticate;
use crate::content::Requested;
use crate::content::client_credentials;
use crate::content::exchange::{self, ContentToken, Order, Target};
use crate::content::permission::{details, scope};
use crate::content::sight::{self, Sight};
use crate::content::signing_key::KEY_SET_LIFETIME;
use crate::edge::rejection::Rejection;
use crate::error::Error;
use crate::secret::Token;

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// At the endpoints beside the token endpoint, as there. RFC 7591 section 2.
const AUTHENTICATION: [&str; 2] = ["client_secret_basic", "client_secret_post"];

pub fn router() -> Router<Broker> {
    Router::new()
        .route("/oauth/token", post(token))
        .route("/oauth/introspect", post(introspect))
        .route("/oauth/revoke", post(revoke))
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .route("/.well-known/jwks.json", get(key_set))
}

/// A failure in the words of RFC 6749 section 5.2.
struct Refusal {
    error: Error,
    /// The client came by HTTP Basic, so it is answered with a challenge.
    by_basic: bool,
}

#[must_use]
pub fn refuse(error: Error) -> Response {
    Refusal { error, by_basic: false }.into_response()
}

/// A client's secret that came in the form.
pub(super) fn credential_in_body(headers: &HeaderMap, body: &[u8]) -> Option<Token> {
    Some(TokenRequest::parse(headers, body).ok()?.client_secret)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.error.report();
        let (mut status, mut code) = self.error.answer();
        if matches!(
            self.error,
            Error::IssuerUnavailable { .. }
                | Error::PlatformUnavailable { .. }
                | Error::KeyToCome { .. }
                | Error::Database(_)
                | Error::Unwritten
                | Error::Vault(_)
                | Error::RestoredCopy { .. }
                | Error::RateLimited { .. }
                | Error::Overloaded
                | Error::TakesLonger
        ) {
            code = "temporarily_unavailable";
        }
        if matches!(self.error, Error::NotFound | Error::MethodNotAllowed | Error::TooSlow) {
            code = "invalid_request";
        }
        if matches!(
            self.error,
            Error::ReconnectRequired { .. }
                | Error::Frozen
                | Error::Misconfigured { .. }
                | Error::Damaged
                | Error::ConnectionNotFound
                | Error::TemplateRefused(_)
        ) {
            (status, code) = (StatusCode::BAD_REQUEST, "invalid_request");
        }
        if matches!(self.error, Error::Internal(_)) {
            code = "server_error";
        }
        let mut body = json!({ "error": code, "error_description": self.error.to_string() });
        if let Error::ReconnectRequired { connect_url, .. } | Error::RestoredCopy { connect_url } =
            &self.error
        {
            body["connect_url"] = json!(connect_url);
        }
        let mut response = (status, Json(body)).into_response();
        Rejection::put(&self.error, &mut response);
        if self.by_basic && status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"attache\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.error.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// RFC 7662.
async fn introspect(
    State(broker): State<Broker>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let by_basic = headers.contains_key(header::AUTHORIZATION);
    introspect::answer(&broker, &headers, body).await.map_err(|error| Refusal { error, by_basic })
}

/// RFC 7009.
async fn revoke(
    State(broker): State<Broker>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Refusal> {
    let by_basic = headers.contains_key(header::AUTHORIZATION);
    revoke::answer(&broker, &headers, body).await.map_err(|error| Refusal { error, by_basic })
}

/// RFC 8693 section 2.
async fn token(
    State(broker): State<Broker>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let by_basic = headers.contains_key(header::AUTHORIZATION);
    let answer = async {
        let body = body.map_err(|_| Error::TooLarge)?;
        let request = TokenRequest::parse(&headers, &body)?;
        let (id, secret) = (request.client_id.clone(), request.client_secret.clone());
        let request = match request.judge() {
            Ok(Grant::TokenExchange(request)) => request,
            Ok(Grant::ClientCredentials(Own { resource, audience, scope, authorization_details })) => {
                let target = target(resource.as_deref(), audience.as_deref());
                let requested =
                    Requested { scope: scope.as_deref(), details: authorization_details.as_deref() };
                let own = client_credentials::own_token(&broker, &id, &secret, target, requested).await?;
                return Ok(given(&own));
            }
            // Who asks is judged before what is asked.
            Err(error) => {
                authenticate::by_client(&broker, &id, &secret).await?;
                return Err(error);
            }
        };
        let target = target(request.resource.as_deref(), request.audience.as_deref());
        let details = request.authorization_details.as_deref();
        let requested = Requested { scope: request.scope.as_deref(), details };
        let sight = sight::of_client(&broker, &id, &secret, &request.subject, target, requested).await?;
        let Sight { caller, subject, environment, kept } = sight;
        let permissions = exchange::permissions(requested, &environment, &subject)?;
        let order = Order { requested, permissions };
        let made =
            exchange::exchange(&broker, &subject, Some(&caller.id), &environment, &order, kept).await?;
        Ok(exchanged(&made))
    };
    let body = answer.await.map_err(|error| Refusal { error, by_basic })?;
    Ok(([(header::PRAGMA, "no-cache")], Json(body)).into_response())
}

/// The one environment that is meant; None where it is named twice, or not at all.
fn target<'a>(resource: Option<&'a str>, audience: Option<&'a str>) -> Option<Target<'a>> {
    match (resource, audience) {
        (Some(resource), None) => Some(Target::Resource(resource)),
        (None, Some(audience)) => Some(Target::Audience(audience)),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

/// RFC 8693 section 2.2.1.
fn exchanged(content_token: &ContentToken) -> Value {
    let mut body = given(content_token);
    body["issued_token_type"] = json!(if content_token.is_jwt { JWT } else { ACCESS_TOKEN });
    body
}

/// RFC 6749 section 5.1, with RFC 9396 section 7.
fn given(content_token: &ContentToken) -> Value {
    let mut body = json!({
        "access_token": content_token.token.expose(),
        "token_type": "Bearer",
        "expires_in": content_token.expires_in,
    });
    if let Some(permissions) = &content_token.permissions {
        body["scope"] = json!(scope::of(permissions).to_string());
        body["authorization_details"] = details::written(permissions, content_token.audience.as_str());
    }
    body
}

async fn metadata(State(broker): State<Broker>) -> Json<Value> {
    Json(json!({
        "issuer": broker.issuer_identifier(),
        "token_endpoint": broker.url("/oauth/token"),
        "introspection_endpoint": broker.url("/oauth/introspect"),
        "introspection_endpoint_auth_methods_supported": AUTHENTICATION,
        "revocation_endpoint": broker.url("/oauth/revoke"),
        "revocation_endpoint_auth_methods_supported": AUTHENTICATION,
        "jwks_uri": broker.url("/.well-known/jwks.json"),
        // RFC 8414 section 2 requires the member; we have no authorization endpoint of our own.
        "response_types_supported": [],
        "grant_types_supported": ["urn:ietf:params:oauth:grant-type:token-exchange", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": scope::ALL.split(' ').collect::<Vec<_>>(),
        "authorization_details_types_supported": [details::TYPE],
    }))
}

/// With a lifetime that verifiers are told: some refetch never, others every second, when they are told nothing.
async fn key_set(State(broker): State<Broker>) -> Response {
    let lifetime = format!("public, max-age={KEY_SET_LIFETIME}, must-revalidate");
    ([(header::CACHE_CONTROL, lifetime)], Json(broker.signing_keys.key_set())).into_response()
}
