//! Parameters as they arrive: a query, a form or a JSON object; and the client that sends them. The only place
//! that reads credentials.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{Client, ClientAuth, Issuer};
use crate::secret::same;

/// Name and value, decoded, in the order of arrival.
#[derive(Clone)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// From a query string or a form.
    pub(super) fn form(text: impl AsRef<[u8]>) -> Self {
        Self(form_urlencoded::parse(text.as_ref()).into_owned().collect())
    }

    /// From the body of a POST, by its content type. What is not readable is empty.
    pub(super) fn body(headers: &HeaderMap, body: &[u8]) -> Self {
        let kind =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("application/json") {
            return Self::form(body);
        }
        let object: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Self(object.into_iter().map(|(name, value)| (name, text(value))).collect())
    }

    /// The first value; one that is empty counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(other, value)| other == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// A parameter that came twice; only `resource` may.
    pub(super) fn repeated(&self) -> Option<&str> {
        let first = |name: &String| self.0.iter().position(|(other, _)| other == name);
        self.0
            .iter()
            .enumerate()
            .find(|(index, (name, _))| name != "resource" && first(name) != Some(*index))
            .map(|(_, (name, _))| name.as_str())
    }

    /// As a query string again.
    pub(super) fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// The same parameters with this one set.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.retain(|(other, _)| other != name);
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// An answer instead of what was asked for; boxed, because a `Result` carries its size everywhere.
pub(super) struct Refusal(Box<Response>);

impl From<Response> for Refusal {
    fn from(answer: Response) -> Self {
        Self(answer.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// A JSON error answer of the token and revocation endpoints.
pub(super) fn error(status: StatusCode, error: &str, description: &str) -> Refusal {
    let body = json!({ "error": error, "error_description": description });
    (status, [(header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response().into()
}

/// The client that proves to be one, by the one method that it is registered for.
pub(super) fn client(issuer: &Issuer, headers: &HeaderMap, params: &Params) -> Result<Client, Refusal> {
    let basic = basic(headers);
    let id = basic.as_ref().map(|(id, _)| id.as_str()).or(params.get("client_id"));
    let known = id.and_then(|id| issuer.settings().client(id).cloned());
    let secret = basic.as_ref().map(|(_, secret)| secret.as_str()).or(params.get("client_secret"));
    known
        .filter(|client| match (client.auth, &client.secret, secret) {
            (ClientAuth::None, _, None) => true,
            (ClientAuth::Body, Some(right), Some(given)) => basic.is_none() && same(right, given),
            (ClientAuth::Basic, Some(right), Some(given)) => basic.is_some() && same(right, given),
            _ => false,
        })
        .ok_or_else(|| {
            let mut answer =
                error(StatusCode::UNAUTHORIZED, "invalid_client", "Client authentication failed.");
            if basic.is_some() {
                let challenge = HeaderValue::from_static("Basic realm=\"sandbox\"");
                answer.0.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            answer
        })
}

/// Client id and secret of HTTP Basic, each form-encoded within (RFC 6749, 2.3.1).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, value) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let pair = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    let (id, secret) = pair.split_once(':').filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let decoded = |text: &str| {
        // One "name" without a value is a form too.
        form_urlencoded::parse(text.as_bytes()).next().map_or_else(String::new, |(text, _)| text.into_owned())
    };
    Some((decoded(id), decoded(secret)))
}
