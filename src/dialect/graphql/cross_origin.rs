//! Pages of which other origins may ask here and read the answer: those that the operator named (CORS, Fetch standard section
//! 3.2). No cookie counts here, so a page is given no more than its bearer is. Knows no query.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::failure::refuse;
use crate::Broker;
use crate::config::Config;
use crate::dialect::cross_origin::{MAX_AGE, is_preflight};
use crate::error::Error;

/// The origin of the page that asks, if the operator named it.
#[must_use]
pub fn allowed(config: &Config, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let named = config.graphql.allowed_origins.iter().any(|named| named.as_bytes() == origin.as_bytes());
    named.then(|| origin.clone())
}

/// What a browser is told before a page may ask.
pub async fn preflight(State(broker): State<Broker>, method: Method, headers: HeaderMap) -> Response {
    if !is_preflight(&method, &headers) || allowed(&broker.config, &headers).is_none() {
        return refuse(&Error::MethodNotAllowed);
    }
    let told = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        // `*` is for what else clients send, such as the headers of a trace; it does not stand for `Authorization`.
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, *"),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    (StatusCode::NO_CONTENT, told).into_response()
}
