//! Failures in the form of GraphQL: entries of `errors`, each with its code. Says nothing that the [`Error`] does not.

use async_graphql::{Context, ErrorExtensionValues};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::edge::rejection::Rejection;
use crate::error::Error;

/// The whole answer.
pub fn refuse(error: &Error) -> Response {
    error.report();
    let (status, code) = error.answer();
    let body =
        json!({ "data": null, "errors": [{ "message": error.to_string(), "extensions": { "code": code } }] });
    let status = match status {
        StatusCode::UNAUTHORIZED
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::SERVICE_UNAVAILABLE => status,
        _ => StatusCode::OK,
    };
    let mut response = (status, axum::Json(body)).into_response();
    Rejection::put(error, &mut response);
    if let Some(seconds) = error.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// A field without a value, and why: the library would leave out the field, and clients expect a null.
pub(super) fn null<T>(context: &Context<'_>, error: &Error) -> Option<T> {
    error.report();
    let mut failure = async_graphql::Error::new(error.to_string());
    let mut extensions = coded(error);
    if let Error::ReconnectRequired { connect_url, .. } = error {
        extensions.set("connectUrl", connect_url.as_str());
    }
    failure.extensions = Some(extensions);
    context.add_error(context.set_error_path(failure.into_server_error(context.item.pos)));
    None
}

/// What the library found wrong with a query has no code of its own.
pub(super) fn give_codes(response: &mut async_graphql::Response) {
    for failure in &mut response.errors {
        failure.extensions.get_or_insert_with(|| coded(&Error::InvalidRequest(String::new())));
    }
}

fn coded(error: &Error) -> ErrorExtensionValues {
    let (_, code) = error.answer();
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", code);
    extensions
}
