//! The standard OAuth surface: the token endpoint with token exchange (RFC 8693) and client
//! credentials (RFC 6749 section 4.4), the metadata (RFC 8414) and
//! the key set (RFC 7517). Introspection (RFC 7662) and revocation (RFC 7009) are of what the token endpoint gives.

pub mod introspect;
mod revoke;
pub mod token_request;
pub mod token_type;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, extract::rejection::BytesRejection};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use self::token_request::{Grant, Own, TokenRequest};
use self::token_type::TokenType;
use crate::Broker;
use crate::caller::authenticate;
use crate::content::Requested;
use crate::content::actor_token::Shown;
use crate::content::client_credentials;
use crate::content::exchange::{self, ContentToken, Order, Target};
use crate::content::permission::details::{self, Detail};
use crate::content::permission::scope;
use crate::content::sight::{self, Sight};
use crate::content::signing_key::KEY_SET_LIFETIME;
use crate::edge::rejection::Rejection;
use crate::error::Error;
use crate::secret::Token;

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

/// RFC 6749 section 5.2.
#[derive(Serialize, ToSchema)]
pub struct OAuthRefused<'a> {
    error: &'a str,
    /// A sentence for people.
    error_description: String,
    /// Where to send the person, who must connect the app again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "uri")]
    connect_url: Option<&'a str>,
}

impl<'a> OAuthRefused<'a> {
    /// Beside the status of the answer.
    #[must_use]
    pub fn told(error: &'a Error) -> (StatusCode, Self) {
        let (status, word) = words(error);
        let connect_url = match error {
            Error::ReconnectRequired { connect_url, .. } | Error::RestoredCopy { connect_url } => {
                Some(connect_url.as_str())
            }
            _ => None,
        };
        (status, Self { error: word, error_description: error.to_string(), connect_url })
    }
}

/// What OAuth has no word for is told by the nearest one.
fn words(error: &Error) -> (StatusCode, &'static str) {
    let (status, word) = error.answer();
    match error {
        Error::IssuerUnavailable { .. }
        | Error::PlatformUnavailable { .. }
        | Error::KeyToCome { .. }
        | Error::Database(_)
        | Error::Unwritten
        | Error::Vault(_)
        | Error::RestoredCopy { .. }
        | Error::RateLimited { .. }
        | Error::Overloaded
        | Error::TakesLonger => (status, "temporarily_unavailable"),
        Error::NotFound | Error::MethodNotAllowed | Error::TooSlow => (status, "invalid_request"),
        Error::ReconnectRequired { .. }
        | Error::Frozen
        | Error::Misconfigured { .. }
        | Error::Damaged
        | Error::ConnectionNotFound
        | Error::TemplateRefused(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
        Error::Internal(_) => (status, "server_error"),
        _ => (status, word),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.error.report();
        let (status, body) = OAuthRefused::told(&self.error);
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
                let target = Target::of(audience.as_deref(), resource.as_deref());
                let details = authorization_details.as_deref();
                let requested = Requested { scope: scope.as_deref(), details, acts_for: None };
                let own = client_credentials::own_token(&broker, &id, &secret, target, requested).await?;
                return Ok(Json(Given::of(&own, None)).into_response());
            }
            // Who asks is judged before what is asked.
            Err(error) => {
                authenticate::by_client(&broker, &id, &secret).await?;
                return Err(error);
            }
        };
        let target = Target::of(request.audience.as_deref(), request.resource.as_deref());
        let details = request.authorization_details.as_deref();
        let actor = Shown::recognise(&broker, request.actor.as_ref());
        let requested = Requested { scope: request.scope.as_deref(), details, acts_for: actor.actors() };
        let sight = sight::of_client(&broker, &id, &secret, &request.subject, target, requested).await?;
        let Sight { caller, subject, environment, kept } = sight;
        actor.judge(&broker, &caller.id, &subject, &environment).await?;
        let issued = TokenType::issued(request.requested_token_type, &environment)?;
        let permissions = exchange::permissions(requested, &environment, &subject)?;
        let order = Order { requested, permissions };
        let made =
            exchange::exchange(&broker, &subject, Some(&caller.id), &environment, &order, kept).await?;
        Ok(Json(Given::of(&made, Some(issued))).into_response())
    };
    let body: Response = answer.await.map_err(|error| Refusal { error, by_basic })?;
    Ok(([(header::PRAGMA, "no-cache")], body).into_response())
}

/// What the token endpoint gives. RFC 6749 section 5.1, with RFC 9396 section 7 and RFC 8693 section 2.2.1.
#[derive(Serialize, ToSchema)]
pub struct Given<'a> {
    access_token: &'a str,
    #[schema(schema_with = token_type::bearer)]
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    /// Not there where another platform gives the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scope: Option<String>,
    /// What it may do in detail (RFC 9396).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Vec<Detail>>)]
    authorization_details: Option<Value>,
    /// Of an exchange only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    issued_token_type: Option<&'static str>,
}

impl<'a> Given<'a> {
    fn of(content_token: &'a ContentToken, issued: Option<TokenType>) -> Self {
        let permissions = content_token.permissions.as_ref();
        let audience = content_token.audience.as_str();
        Self {
            access_token: content_token.token.expose(),
            token_type: "Bearer",
            expires_in: content_token.expires_in,
            scope: permissions.map(|permissions| scope::of(permissions).to_string()),
            authorization_details: permissions.map(|permissions| details::written(permissions, audience)),
            issued_token_type: issued.map(TokenType::name),
        }
    }
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
