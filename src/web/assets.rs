//! The one stylesheet, compiled in, and the icon that browsers ask for unasked.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

const STYLESHEET: &str = include_str!("../../templates/attache.css");

pub async fn stylesheet() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
    ];
    (headers, STYLESHEET).into_response()
}

/// Browsers ask for one unasked; the mark is inside the pages.
pub async fn icon() -> StatusCode {
    StatusCode::NO_CONTENT
}
