//! A failure in the words of the JSON surface.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::words;
use crate::edge::rejection::Rejection;
use crate::error::Error;

/// A failure on its way to whoever asked.
pub struct Refusal(pub Error);

/// What happened, and what helps to go on.
#[derive(Serialize, ToSchema)]
pub struct Refused<'a> {
    /// The word to decide by.
    pub error: &'a str,
    /// A sentence for people.
    pub message: String,
    /// Where to send the person, who must connect the app again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "uri")]
    pub connect_url: Option<&'a str>,
    /// Why the person must connect again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = words::causes, required = false)]
    pub cause: Option<&'a str>,
    /// Seconds until the same request may succeed, as in `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub retry_after: Option<i64>,
}

impl<'a> Refused<'a> {
    /// Beside the status of the answer.
    #[must_use]
    pub fn told(error: &'a Error) -> (StatusCode, Self) {
        let (status, word) = error.answer();
        let (connect_url, cause) = match error {
            Error::ReconnectRequired { connect_url, cause } => {
                (Some(connect_url.as_str()), Some(<&str>::from(*cause)))
            }
            Error::RestoredCopy { connect_url } => (Some(connect_url.as_str()), None),
            _ => (None, None),
        };
        let retry_after = error.retry_after();
        (status, Self { error: word, message: error.to_string(), connect_url, cause, retry_after })
    }
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, body) = Refused::told(&self.0);
        self.0.report();
        let mut response = (status, Json(body)).into_response();
        Rejection::put(&self.0, &mut response);
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.0.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
