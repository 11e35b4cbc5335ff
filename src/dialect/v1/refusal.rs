//! A failure in the words of the JSON surface.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::edge::rejection::Rejection;
use crate::error::Error;

/// A failure as JSON: `{"error", "message"}` and what helps to go on.
pub(super) struct Refusal(pub Error);

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code) = self.0.answer();
        self.0.report();
        let mut body = json!({ "error": code, "message": self.0.to_string() });
        if let Error::ReconnectRequired { connect_url, cause } = &self.0 {
            body["connect_url"] = json!(connect_url);
            body["cause"] = json!(<&str>::from(*cause));
        }
        if let Error::RestoredCopy { connect_url } = &self.0 {
            body["connect_url"] = json!(connect_url);
        }
        if let Some(seconds) = self.0.retry_after() {
            body["retry_after"] = json!(seconds);
        }
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
