//! Slack's wire: `apps.auth.external.*`. Every logical error is HTTP 200 with `ok: false`, because the real
//! clients throw on any other status before they read the body. What the edge refuses has its own status.

mod arguments;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, extract::Request};
use serde_json::{Value, json};

use self::arguments::Arguments;
use super::authorization_header::bearer_token;
use crate::Broker;
use crate::access::allow;
use crate::access::decide::Demand;
use crate::access::hand_out;
use crate::caller::{Caller, authenticate};
use crate::connection::due::DEFAULT_MIN_TTL;
use crate::connection::look_up;
use crate::connection::status::Cause;
use crate::edge::rejection::Rejection;
use crate::error::Error;
use crate::revoke::begin;
use crate::secret::Token;

pub fn router() -> Router<Broker> {
    Router::new()
        .route("/api/apps.auth.external.get", post(get))
        .route("/api/apps.auth.external.delete", post(delete))
}

/// A failure in Slack's words, with ours beside it for those who read them.
struct Refusal {
    status: StatusCode,
    word: &'static str,
    more: Value,
    rejection: Option<Rejection>,
}

#[must_use]
pub fn refuse(error: Error) -> Response {
    Refusal::from(error).into_response()
}

/// A key that came as an argument.
pub(super) fn credential_in_body(headers: &HeaderMap, body: &[u8]) -> Option<Token> {
    Arguments::parse(&arguments::kind(headers), body).ok()?.token()
}

impl Refusal {
    fn with(word: &'static str, more: Value) -> Self {
        Self { status: StatusCode::OK, word, more, rejection: None }
    }

    fn word(word: &'static str) -> Self {
        Self::with(word, json!({}))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({ "ok": false, "error": self.word });
        // The real clients read the header, and only of an answer that is not 200.
        let retry_after = self.more["retry_after"].as_i64().filter(|_| self.status != StatusCode::OK);
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), self.more) {
            body.extend(more);
        }
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(rejection) = self.rejection {
            response.extensions_mut().insert(rejection);
        }
        response
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (status, state) = error.answer();
        let (message, rejection) = (error.to_string(), Rejection::of(&error));
        let refusal = match error {
            Error::NotFound => Self::word("unknown_method"),
            Error::MethodNotAllowed => Self { status, ..Self::word("method_not_supported") },
            Error::TooSlow => Self { status, ..Self::with("request_timeout", json!({ "message": message })) },
            Error::RateLimited { retry_after, .. } => {
                let more = json!({ "message": message, "retry_after": retry_after });
                Self { status, ..Self::with("ratelimited", more) }
            }
            Error::Overloaded | Error::TakesLonger => {
                let more = json!({ "message": message, "retry_after": error.retry_after() });
                Self { status, ..Self::with("service_unavailable", more) }
            }
            Error::NotAuthed => Self::word("not_authed"),
            Error::InvalidAuth => Self::word("invalid_auth"),
            Error::ConnectionNotFound => Self::word("token_not_found"),
            Error::InvalidRequest(_) => Self::with("invalid_arguments", json!({ "message": message })),
            Error::TooLarge => {
                Self { status, ..Self::with("invalid_arguments", json!({ "message": message })) }
            }
            Error::ReconnectRequired { cause, connect_url } => {
                let word = if cause == Cause::NoRefreshToken {
                    "no_refresh_token"
                } else {
                    "access_token_exchange_failed"
                };
                let more = json!({ "state": state, "message": message, "connect_url": connect_url });
                Self::with(word, more)
            }
            Error::IssuerUnavailable { retry_after, .. } | Error::UnusableToken { retry_after, .. } => {
                Self::with(
                    "access_token_exchange_failed",
                    json!({ "state": state, "message": message, "retry_after": retry_after }),
                )
            }
            Error::RestoredCopy { ref connect_url } => {
                let retry_after = error.retry_after();
                let more = json!({ "state": state, "message": message, "retry_after": retry_after, "connect_url": connect_url });
                Self::with("access_token_exchange_failed", more)
            }
            Error::Misconfigured { .. } | Error::Damaged | Error::Frozen => {
                Self::with("access_token_exchange_failed", json!({ "state": state, "message": message }))
            }
            other => {
                other.report();
                Self::with("internal_error", json!({ "retry_after": 5 }))
            }
        };
        Self { rejection, ..refusal }
    }
}

/// `apps.auth.external.get`: an access token that is valid now.
async fn get(State(broker): State<Broker>, request: Request) -> Result<Json<Value>, Refusal> {
    let (key, arguments) = read(&broker, request).await?;
    let asked = match wanted(&arguments) {
        Ok(asked) => asked,
        // Who asks is judged before what is asked.
        Err(error) => {
            authenticate::by_key(&broker, &key).await?;
            return Err(error.into());
        }
    };
    let (id, demand) = asked;
    let handed = hand_out::access_token(&broker, &key, &id, demand).await?;
    Ok(Json(json!({ "ok": true, "external_token": handed.token.expose() })))
}

/// Which connection, and how fresh its token must be.
fn wanted(arguments: &Arguments) -> Result<(String, Demand), Error> {
    let id = arguments.text("external_token_id").ok_or_else(|| missing("external_token_id"))?;
    let force_refresh = arguments.flag("force_refresh")?;
    Ok((id, Demand { min_ttl: DEFAULT_MIN_TTL, force_refresh }))
}

/// `apps.auth.external.delete`: by id, or all of an app, or all of an app's provider. Unlike Slack's, it also
/// tells the issuer.
async fn delete(State(broker): State<Broker>, request: Request) -> Result<Json<Value>, Refusal> {
    let (key, arguments) = read(&broker, request).await?;
    let caller = authenticate::by_key(&broker, &key).await?;
    if let Some(id) = arguments.text("external_token_id") {
        let connection = allow::for_caller(&broker, &caller.id, &id).await?;
        begin::revoke(&broker, &connection, &caller.id).await?;
        return Ok(Json(json!({ "ok": true })));
    }
    let slack_app_id = arguments.text("app_id").ok_or_else(|| missing("external_token_id"))?;
    let mut deleted = 0;
    for app_id in
        apps_to_empty(&broker, &caller, &slack_app_id, arguments.text("provider_key").as_deref()).await?
    {
        for id in look_up::live_ids(&broker, &app_id).await? {
            let Ok(connection) = allow::for_caller(&broker, &caller.id, &id).await else { continue };
            match begin::revoke(&broker, &connection, &caller.id).await {
                Ok(_) => deleted += 1,
                // Somebody else was quicker.
                Err(Error::ConnectionNotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    if deleted == 0 { Err(Refusal::word("no_tokens_found")) } else { Ok(Json(json!({ "ok": true }))) }
}

/// The apps of a Slack app that this caller is allowed, one of them if a provider is named.
async fn apps_to_empty(
    broker: &Broker,
    caller: &Caller,
    slack_app_id: &str,
    provider_key: Option<&str>,
) -> Result<Vec<String>, Refusal> {
    let mut allowed = Vec::new();
    for (id, provider) in crate::app::of_slack_app(broker, slack_app_id).await.map_err(Error::from)? {
        if crate::caller::is_allowed(broker, &caller.id, &id).await? {
            allowed.push((id, provider));
        }
    }
    if allowed.is_empty() {
        return Err(Refusal::word("app_not_found"));
    }
    allowed.retain(|(_, provider)| provider_key.is_none_or(|wanted| wanted == provider));
    if allowed.is_empty() {
        return Err(Refusal::word("providers_not_found"));
    }
    Ok(allowed.into_iter().map(|(id, _)| id).collect())
}

/// Arguments first, for the key may be one of them.
async fn read(broker: &Broker, request: Request) -> Result<(Token, Arguments), Refusal> {
    let header = bearer_token(request.headers());
    let arguments = Arguments::read(request, broker).await?;
    let key = header.or_else(|| arguments.token()).ok_or(Error::NotAuthed)?;
    Ok((key, arguments))
}

fn missing(name: &str) -> Error {
    Error::InvalidRequest(format!("The argument `{name}` is missing."))
}
