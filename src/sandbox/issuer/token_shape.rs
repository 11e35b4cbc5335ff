//! Writes a token answer, in good form or in an ordered bad one.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::Value;

use super::TokenShape;
use crate::sandbox::jwt::Object;

/// The answer with these members.
pub(super) fn answer(mut members: Object, shape: Option<&TokenShape>) -> Response {
    match shape {
        Some(TokenShape::With(name, value)) => {
            members.insert((*name).to_owned(), value.clone());
        }
        Some(TokenShape::Without(name)) => {
            members.remove(*name);
        }
        _ => {}
    }
    let mut body = Value::Object(members).to_string();
    let mut kind = "application/json";
    match shape {
        Some(TokenShape::Padded(bytes)) => body.push_str(&" ".repeat(*bytes)),
        Some(TokenShape::Truncated) => body.truncate(body.len() / 2),
        Some(TokenShape::Html) => {
            kind = "text/html";
            "<!doctype html><title>Maintenance</title><p>We will be back soon.</p>".clone_into(&mut body);
        }
        Some(TokenShape::ContentType(other)) => kind = other,
        _ => {}
    }
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = StatusCode::OK;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    answer
}
