//! What browsers send: forms that may change something, proven to be our own, and the queries of pages.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::failure::PageFailure;
use super::{Browser, SignedInBrowser, encode, return_to, take_to};
use crate::Broker;
use crate::error::Error;
use crate::secret::{Token, same};

/// A form of a signed-in person that is proven to be our own.
pub struct OwnForm<T> {
    pub signed_in: SignedInBrowser,
    pub fields: T,
}

/// The form holds nothing but the value that proves it.
#[derive(Deserialize)]
pub struct Nothing {}

impl<T: DeserializeOwned> FromRequest<Broker> for OwnForm<T> {
    type Rejection = Response;

    async fn from_request(request: Request, broker: &Broker) -> Result<Self, Self::Rejection> {
        let (mut parts, body) = request.into_parts();
        judge_origin(broker, &parts.headers).map_err(|error| PageFailure::from(error).into_response())?;
        let browser = <Browser as FromRequestParts<Broker>>::from_request_parts(&mut parts, broker).await;
        let browser = browser.map_err(IntoResponse::into_response)?;
        let signed_in = SignedInBrowser::of(browser).ok_or_else(|| signed_out(broker, &parts))?;
        let request = Request::from_parts(parts, body);
        let proof = signed_in.browser.csrf.as_ref();
        let fields = read(request, broker, proof).await.map_err(IntoResponse::into_response)?;
        Ok(Self { signed_in, fields })
    }
}

/// The fields of a form whose sender need not be signed in: proven to be our own by a value that its page gave this browser,
/// and no other.
///
/// # Errors
/// [`Error::ForgedRequest`]; [`Error::InvalidRequest`] when it is not complete.
pub async fn proven<T: DeserializeOwned>(
    broker: &Broker,
    request: Request,
    proof: &Token,
) -> Result<T, PageFailure> {
    judge_origin(broker, request.headers())?;
    read(request, broker, Some(proof)).await
}

/// The answer to a form of ours whose page outlived its session: to sign in, and back to that page. Nothing was done.
fn signed_out(broker: &Broker, parts: &Parts) -> Response {
    let page = parts.headers.get(header::REFERER).and_then(|page| page.to_str().ok());
    let path = page.and_then(|page| page.strip_prefix(&broker.issuer_identifier()));
    // Who wanted to leave is not asked to come in.
    let Some(path) = path.filter(|_| parts.uri.path() != "/sign-out") else {
        return PageFailure::from(Error::SignInRequired).into_response();
    };
    let path = return_to::parse(&broker.config.public_url, Some(path));
    take_to(&broker.config, &broker.url(&format!("/sign-in?return_to={}", encode(&path))), "sign-in")
}

/// The query of a page. What cannot be read is a page that says so.
pub struct PageQuery<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Broker> for PageQuery<T> {
    type Rejection = PageFailure;

    async fn from_request_parts(parts: &mut Parts, _: &Broker) -> Result<Self, PageFailure> {
        let malformed =
            |_| Error::InvalidRequest("The address holds something that cannot be read.".to_owned());
        Ok(Self(fields(parts.uri.query().unwrap_or_default().as_bytes()).map_err(malformed)?))
    }
}

async fn read<T: DeserializeOwned>(
    request: Request,
    broker: &Broker,
    proof: Option<&Token>,
) -> Result<T, PageFailure> {
    let form = request.headers().get(header::CONTENT_TYPE).is_some_and(|value| {
        value.to_str().is_ok_and(|text| text.starts_with("application/x-www-form-urlencoded"))
    });
    if !form {
        return Err(Error::ForgedRequest.into());
    }
    let body = Bytes::from_request(request, broker).await.map_err(|_| Error::TooLarge)?;
    let mut sent =
        url::form_urlencoded::parse(&body).filter(|(name, _)| name == "csrf").map(|(_, value)| value);
    let (Some(sent_csrf), None, Some(csrf)) = (sent.next(), sent.next(), proof) else {
        return Err(Error::ForgedRequest.into());
    };
    if !same(&sent_csrf, csrf.expose()) {
        return Err(Error::ForgedRequest.into());
    }
    let malformed = |_| Error::InvalidRequest("The form is not complete. Go back and try again.".to_owned());
    Ok(fields(&body).map_err(malformed)?)
}

/// Every value is text; of two by one name the last counts.
fn fields<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    let fields: serde_json::Map<String, serde_json::Value> = url::form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), serde_json::Value::String(value.into_owned())))
        .collect();
    serde_json::from_value(serde_json::Value::Object(fields))
}

/// `Sec-Fetch-Site` first, which a page cannot forge; `Origin` where a browser does not send it.
fn judge_origin(broker: &Broker, headers: &HeaderMap) -> Result<(), Error> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let own = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => origin == broker.config.public_url.origin_text(),
        (None, None) => false,
    };
    if own { Ok(()) } else { Err(Error::ForgedRequest) }
}
