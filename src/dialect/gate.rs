//! `/v1/authorize`, the gate, as proxies ask. nginx (`auth_request`), Caddy (`forward_auth`) and Traefik (`ForwardAuth`) say
//! the request in headers; Envoy (`ext_authz`) sends its method, and its path behind ours. 200 with who it is, 401 or 403
//! with why not; whatever else is answered, proxies let nobody through.

use std::borrow::Cow;
use std::fmt::Write as _;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use serde_json::Value;

use super::authorization_header::bearer_token;
use super::v1::refusal::Refused;
use super::{resource_server_secret, v1};
use crate::Broker;
use crate::content::environment::Environment;
use crate::edge::rejection::Rejection;
use crate::error::Error;
use crate::resource_server::active::Active;
use crate::resource_server::forwarded::{Forwarded, Operation};
use crate::resource_server::from_browser::FromBrowser;
use crate::resource_server::gate::{self, Admitted, Bearer, Denied, NotAdmitted, Who};
use crate::resource_server::handshake::{HINT_COOKIE, NONCE_COOKIE, SentOn, TOKEN_COOKIE};
use crate::secret::Token;

const PATH: &str = "/v1/authorize";
/// By which proxies say the method of the request.
const METHODS: [&str; 2] = ["x-forwarded-method", "x-original-method"];
/// By which some content APIs let a client say another one.
const OVERRIDES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];
const TARGETS: [&str; 2] = ["x-forwarded-uri", "x-original-uri"];
/// The longest text that is told of permissions: proxies bound a head at 4 or 8 KB.
const LONGEST: usize = 3000;
/// What is told of who it is, and what that is.
pub const TOLD: [(&str, &str); 9] = [
    (
        "attache-subject",
        "The account; the caller or the permanent token itself, where it speaks for no person.",
    ),
    ("attache-session", "The session of a session token."),
    ("attache-app", "The app, by its key."),
    ("attache-caller", "The caller that asked for the token."),
    ("attache-connection", "The connection."),
    ("attache-scope", "The token's scopes."),
    ("attache-operation", "What was judged: `read`, `write` or `in-body`."),
    ("attache-default-stage", "The stage that is meant by a request that names none."),
    ("attache-authorization-details", "The token's permissions (RFC 9396) as JSON in ASCII."),
];
/// The word, and why.
pub const TOO_LONG: (&str, &str) = (
    "permissions_too_long",
    "The token's permissions are too long for a header. Let the content API introspect it.",
);
/// A page that somebody opened.
pub const SENT_ON: (&str, &str) = (
    "handshake",
    "The page's session token is to be renewed. The proxy sends the browser where `Attache-Handshake` says.",
);
/// The proxy's own secret is not good.
pub const RESOURCE_SERVER_REFUSED: &str = "resource_server_refused";
/// Where a browser is to be sent, and what goes with it, for a proxy that can only be told no.
const HANDSHAKE: HeaderName = HeaderName::from_static("attache-handshake");
const COOKIES: [HeaderName; 3] = [
    HeaderName::from_static("attache-set-cookie"),
    HeaderName::from_static("attache-set-cookie-2"),
    HeaderName::from_static("attache-set-cookie-3"),
];
/// What stands where there is nothing to say.
const NONE: &str = "none";
/// For the pages of a proxy that drops the body.
const REASON: HeaderName = HeaderName::from_static("attache-reason");

pub fn router() -> Router<Broker> {
    Router::new()
        .route(PATH, any(by_headers))
        // A path that is left out is none for the pattern behind it.
        .route("/v1/authorize/", any(by_path))
        .route("/v1/authorize/{*path}", any(by_path))
}

/// How a proxy sends a browser on.
#[derive(Clone, Copy)]
enum SendsOn {
    /// It makes a redirect of what it is told beside a 401 (nginx).
    ByHeaders,
    /// It passes on whatever it is answered (Caddy, Traefik).
    ByThisAnswer,
}

impl SendsOn {
    /// As the proxy's address for the gate says: `?handshake=redirect`.
    fn by(uri: &Uri) -> Self {
        if uri.query() == Some("handshake=redirect") { Self::ByThisAnswer } else { Self::ByHeaders }
    }

    /// None when it does not fit.
    fn answer(self, sent_on: &SentOn) -> Option<Response> {
        let value = |text: &String| HeaderValue::from_str(text).ok();
        if let Self::ByThisAnswer = self {
            let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
            response.headers_mut().insert(header::LOCATION, value(&sent_on.to)?);
            for cookie in &sent_on.cookies {
                response.headers_mut().append(header::SET_COOKIE, value(cookie)?);
            }
            return Some(response);
        }
        let (word, sentence) = SENT_ON;
        let mut response = denied(StatusCode::UNAUTHORIZED, word, sentence);
        response.headers_mut().insert(HANDSHAKE, value(&sent_on.to)?);
        for (name, cookie) in COOKIES.into_iter().zip(&sent_on.cookies) {
            response.headers_mut().insert(name, value(cookie)?);
        }
        Some(response)
    }
}

/// The whole request is said in headers.
async fn by_headers(State(broker): State<Broker>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let mut request = said(&headers);
    // A proxy asks by GET or HEAD, whatever it asks about. Another method tells something.
    let tells = !matches!(method, Method::GET | Method::HEAD);
    if tells {
        request.methods.push(Some(method.as_str()));
    } else if !METHODS.iter().any(|name| headers.contains_key(*name)) {
        // A client's override alone does not tell the method.
        request.methods.clear();
    }
    answer(&broker, &headers, &request, SendsOn::by(&uri)).await
}

/// The method is this request's own, and the path stands behind ours.
async fn by_path(State(broker): State<Broker>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let mut request = said(&headers);
    request.methods.push(Some(method.as_str()));
    request.targets.extend(uri.path().strip_prefix(PATH));
    answer(&broker, &headers, &request, SendsOn::ByHeaders).await
}

/// Everything that is said, whoever wrote it.
fn said(headers: &HeaderMap) -> Forwarded<'_> {
    let all = |name: &&'static str| headers.get_all(*name).into_iter().map(|value| value.to_str().ok());
    Forwarded {
        methods: METHODS.iter().chain(&OVERRIDES).flat_map(all).collect(),
        // One that can't be read is no address of GraphQL.
        targets: TARGETS.iter().flat_map(all).map(Option::unwrap_or_default).collect(),
        // Some clients offer HTTP/2 that way, which is the same request.
        is_upgraded: headers
            .get_all(header::UPGRADE)
            .iter()
            .any(|to| !to.as_bytes().eq_ignore_ascii_case(b"h2c")),
    }
}

async fn answer(broker: &Broker, headers: &HeaderMap, request: &Forwarded<'_>, way: SendsOn) -> Response {
    let bearer = match bearer_token(headers) {
        Some(token) => Bearer::Token(token),
        None if headers.contains_key(header::AUTHORIZATION) => Bearer::Unreadable,
        None => Bearer::Nothing,
    };
    let Some(secret) = resource_server_secret::read(headers) else {
        return trouble(Error::ResourceServerRefused);
    };
    match gate::authorize(broker, &secret, &bearer, request, &from_browser(headers)).await {
        Ok(Ok(admitted)) => told(&admitted).unwrap_or_else(too_long),
        Ok(Err(NotAdmitted::Denied(why))) => refused(why),
        Ok(Err(NotAdmitted::SentOn(sent_on))) => way.answer(&sent_on).unwrap_or_else(too_long),
        Err(error) => trouble(error),
    }
}

/// A header that stands there twice says nothing that can be trusted.
fn from_browser(headers: &HeaderMap) -> FromBrowser<'_> {
    let text = |name: &'static str| {
        let mut all = headers.get_all(name).iter();
        let first = all.next()?.to_str().unwrap_or_default();
        Some(if all.next().is_none() { first } else { "" })
    };
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let pairs: Vec<(&str, &str)> = pairs.collect();
    // The first of a name counts: browsers send the one with the longest path first. An empty one is as good as none.
    let cookie = |wanted| pairs.iter().find(|(name, value)| *name == wanted && !value.is_empty());
    FromBrowser {
        cookie: cookie(TOKEN_COOKIE).map(|(_, value)| Token::new(*value)),
        site: text("sec-fetch-site"),
        destination: text("sec-fetch-dest"),
        origin: text("origin"),
        has_hint: cookie(HINT_COOKIE).is_some(),
        nonce: cookie(NONCE_COOKIE).map(|(_, value)| *value),
        accepts_html: text("accept").is_some_and(|accepted| accepted.contains("text/html")),
        has_user_agent: headers.contains_key(header::USER_AGENT),
        forwarded_host: text("x-forwarded-host"),
        forwarded_scheme: text("x-forwarded-proto").or_else(|| text("cloudfront-forwarded-proto")),
    }
}

/// None when it does not fit.
fn told(admitted: &Admitted) -> Option<Response> {
    match admitted {
        Admitted::ToContent { environment, who, operation } => told_of_content(environment, who, *operation),
        Admitted::SignedIn(token) => {
            let subject = ("attache-subject", Some(token.subject.as_str()));
            say([subject, ("attache-session", token.claims.get("sid").and_then(Value::as_str))])
        }
    }
}

fn told_of_content(environment: &Environment, who: &Who, operation: Operation) -> Option<Response> {
    let active = if let Who::Bearer(active) = who { Some(active) } else { None };
    let (scope, details) = match who {
        Who::Bearer(active) => (active.scopes().to_string(), active.authorization_details(environment)),
        Who::Anybody(public) => {
            (public.scopes.to_string(), Some(Cow::Borrowed(&public.authorization_details)))
        }
    };
    let details = details.map(|details| ascii(&details));
    if details.as_ref().is_some_and(|details| details.len() > LONGEST) {
        return None;
    }
    let stage = active
        .map_or(environment.settings.default_stage.as_str(), |active| active.default_stage(environment));
    let headers = [
        ("attache-subject", active.map(Active::subject)),
        ("attache-app", active.and_then(Active::app)),
        ("attache-caller", active.and_then(Active::caller)),
        ("attache-connection", active.and_then(Active::connection)),
        ("attache-scope", Some(scope.as_str())),
        ("attache-operation", Some(operation.into())),
        ("attache-default-stage", Some(stage)),
        ("attache-authorization-details", details.as_deref()),
    ];
    say(headers)
}

/// Who is let through, in the headers of an answer. Each of ours is there, so that none that a client wrote remains.
fn say<const N: usize>(told: [(&'static str, Option<&str>); N]) -> Option<Response> {
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    for (name, _) in TOLD {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(NONE));
    }
    for (name, value) in told {
        let value = HeaderValue::from_bytes(value.unwrap_or(NONE).as_bytes()).ok()?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Some(response)
}

/// The same JSON, in ASCII alone.
fn ascii(value: &Value) -> String {
    let mut text = String::new();
    for character in value.to_string().chars() {
        if character.is_ascii() {
            text.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // A text takes whatever is written to it.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

/// RFC 6750 section 3.
fn refused(why: Denied) -> Response {
    let (status, sentence) = words(why);
    let mut response = denied(status, why.word(), sentence);
    if let Some(challenge) = challenge(why).and_then(|challenge| HeaderValue::try_from(challenge).ok()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn challenge(why: Denied) -> Option<String> {
    match why {
        Denied::TokenRequired => Some("Bearer".to_owned()),
        Denied::InvalidToken => Some("Bearer error=\"invalid_token\"".to_owned()),
        Denied::InsufficientScope(scope) => {
            Some(format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\""))
        }
        Denied::MethodMissing | Denied::CrossOrigin | Denied::EnvironmentClosed | Denied::HandshakeFailed => {
            None
        }
    }
}

/// The status of the answer, and why for people.
#[must_use]
pub const fn words(why: Denied) -> (StatusCode, &'static str) {
    match why {
        Denied::TokenRequired => {
            (StatusCode::UNAUTHORIZED, "This needs a content token. Send one as a bearer.")
        }
        Denied::InvalidToken => (
            StatusCode::UNAUTHORIZED,
            "The content token is not good here, or not any more. Get another one.",
        ),
        Denied::InsufficientScope(_) => {
            (StatusCode::FORBIDDEN, "The content token does not let its bearer do this.")
        }
        Denied::MethodMissing => (
            StatusCode::FORBIDDEN,
            "The proxy did not say which method it asks about. It must send `X-Forwarded-Method`.",
        ),
        Denied::CrossOrigin => (
            StatusCode::FORBIDDEN,
            "A page of another origin may have sent this. A cookie alone does not count for it; send the token as a bearer.",
        ),
        Denied::HandshakeFailed => (
            StatusCode::UNAUTHORIZED,
            "What came back with this page is not for this browser, or not good any more. Open the page again.",
        ),
        Denied::EnvironmentClosed => {
            (StatusCode::FORBIDDEN, "The environment of this resource server is closed.")
        }
    }
}

fn too_long() -> Response {
    let (word, sentence) = TOO_LONG;
    denied(StatusCode::FORBIDDEN, word, sentence)
}

/// What the gate answers where it lets nobody through.
#[must_use]
pub fn refusal<'a>(word: &'a str, sentence: &str) -> Refused<'a> {
    Refused { error: word, message: sentence.to_owned(), connect_url: None, cause: None, retry_after: None }
}

fn denied(status: StatusCode, word: &'static str, sentence: &str) -> Response {
    let mut response = (status, Json(refusal(word, sentence))).into_response();
    response.headers_mut().insert(REASON, HeaderValue::from_static(word));
    response
}

/// A client is not told to authenticate anew because of its proxy: that is refused by 403.
fn trouble(error: Error) -> Response {
    if !matches!(error, Error::ResourceServerRefused) {
        return v1::refuse(error);
    }
    let mut response = denied(StatusCode::FORBIDDEN, RESOURCE_SERVER_REFUSED, &error.to_string());
    Rejection::put(&error, &mut response);
    response
}
