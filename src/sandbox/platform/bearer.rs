//! Judges bearer tokens: the broker's content tokens and our own opaque ones at the content API, the sandbox
//! issuer's access tokens at the management API. A token is either good for the very thing asked, or nothing; who brings
//! none may do what is public.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::key_cache::KeyCache;
use super::{Environment, Platform, User, UserKind};
use crate::content::permission::{Permissions, details, scope};
use crate::issuer::scope::Scopes;
use crate::sandbox::jwt::{self, Object, Parts};
use crate::sandbox::locked;

/// Who asks, and what they may.
#[derive(Clone)]
pub(super) struct Bearer {
    /// None without a token.
    pub user: Option<User>,
    pub permissions: Permissions,
}

impl Bearer {
    /// Without a token. None where nothing is public.
    fn public(platform: &Platform) -> Option<Self> {
        let permissions = locked(&platform.0.public).clone();
        (!permissions.is_empty()).then_some(Self { user: None, permissions })
    }
}

/// The token of an `Authorization` header.
fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Who asks the content API of one environment.
pub(super) async fn at_content_api(
    platform: &Platform,
    headers: &HeaderMap,
    environment: &Environment,
) -> Option<Bearer> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Bearer::public(platform);
    }
    let token = token(headers)?;
    let ticket = locked(&platform.0.tokens).get(token).cloned();
    if let Some(ticket) = ticket {
        let good = ticket.environment == *environment && ticket.expires_at > platform.now();
        let user = user(platform, ticket.subject, ticket.client, None);
        return good.then_some(Bearer { user: Some(user), permissions: Permissions::all() });
    }
    let audience = platform.content_api_url(environment);
    let issuer = &platform.0.settings.broker_issuer;
    let keys = &platform.0.broker_keys;
    let claims =
        verified(platform, token, &["EdDSA", "ES256", "RS256"], keys, issuer, Some(&audience)).await?;
    let permissions = permissions(&claims, &audience)?;
    // The identity at the issuer (RFC 9493) says more here than the broker's own account id.
    let identity = &claims.get("sub_id").unwrap_or(&Value::Null)["sub"];
    let subject = identity.as_str().unwrap_or_else(|| jwt::text(&claims, "sub")).to_owned();
    let actor = claims.get("act").and_then(|act| act["sub"].as_str()).map(str::to_owned);
    let app = Some(jwt::text(&claims, "app").to_owned()).filter(|app| !app.is_empty());
    let user = user(platform, subject, app.or_else(|| client_of(&claims)), actor);
    Some(Bearer { user: Some(user), permissions })
}

/// What the token says in `authorization_details`, and no more than its `scope`. None for details that are not understood:
/// whoever made the token meant something by them.
fn permissions(claims: &Object, audience: &str) -> Option<Permissions> {
    let said = match claims.get("authorization_details") {
        Some(details) => details::read(details, &[audience]).ok()?,
        None => Permissions::all(),
    };
    Some(scope::narrow(&said, &Scopes::lenient(jwt::text(claims, "scope"))))
}

/// The subject and the client of an access token at the management API.
pub(super) async fn at_management_api(
    platform: &Platform,
    headers: &HeaderMap,
) -> Option<(String, Option<String>)> {
    let settings = &platform.0.settings;
    let audience = settings.management_audience.as_deref();
    let keys = &platform.0.issuer_keys;
    let claims =
        verified(platform, token(headers)?, &["RS256"], keys, &settings.issuer_url, audience).await?;
    Some((jwt::text(&claims, "sub").to_owned(), client_of(&claims)))
}

async fn verified(
    platform: &Platform,
    token: &str,
    algorithms: &[&str],
    keys: &KeyCache,
    issuer: &str,
    audience: Option<&str>,
) -> Option<Object> {
    let parts = Parts::parse(token)?;
    let algorithm = match jwt::text(&parts.header, "alg") {
        // RFC 9864's name for what JWTs have called EdDSA.
        "Ed25519" => "EdDSA",
        other => other,
    };
    if !algorithms.contains(&algorithm) || !parts.is_access_token() || parts.header.contains_key("crit") {
        return None;
    }
    let key = keys.key(parts.key_id()).await?;
    let now = platform.now().unix();
    let time = |name: &str| parts.claims.get(name).and_then(Value::as_i64);
    let good = parts.signed_by(&key)
        && jwt::text(&parts.claims, "iss") == issuer
        && audience.is_none_or(|audience| parts.is_for(audience))
        && time("exp").is_some_and(|end| end > now)
        && time("nbf").is_none_or(|begin| begin <= now)
        && !jwt::text(&parts.claims, "sub").is_empty();
    good.then_some(parts.claims)
}

fn client_of(claims: &Object) -> Option<String> {
    Some(jwt::text(claims, "client_id").to_owned()).filter(|id| !id.is_empty())
}

fn user(platform: &Platform, id: String, app: Option<String>, actor: Option<String>) -> User {
    let person = platform.name_of(&id);
    let kind = if person.is_some() { UserKind::Member } else { UserKind::Unknown };
    let name = person.map_or_else(|| id.clone(), |person| person.name.clone());
    User { id, name, kind, app, actor }
}

/// 401 in the language of GraphQL.
pub(super) fn unauthorized() -> Response {
    refused(StatusCode::UNAUTHORIZED, "invalid_token", "The bearer token is missing or not good for this API")
}

/// 403: a good token with too narrow a scope (RFC 6750).
pub(super) fn insufficient_scope(scope: &str) -> Response {
    refused(StatusCode::FORBIDDEN, "insufficient_scope", &format!("The bearer token lacks the scope {scope}"))
}

fn refused(status: StatusCode, code: &str, message: &str) -> Response {
    let errors = json!({ "data": null, "errors": [{ "message": message, "extensions": { "code": code } }] });
    let mut answer = (status, Json(errors)).into_response();
    let challenge = format!("Bearer realm=\"sandbox\", error=\"{code}\", error_description=\"{message}\"");
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    answer
}
