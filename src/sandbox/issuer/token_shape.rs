//! Writes a token answer, in good form or in an ordered bad one.

use std::io::Read;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use flate2::Compression;
use flate2::read::{GzEncoder, ZlibEncoder};
use serde_json::Value;

use super::{Coding, TokenShape};
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
    let mut status = StatusCode::OK;
    let mut body = match shape {
        Some(TokenShape::As(code, body)) => {
            status = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            filled(body, &members)
        }
        _ => Value::Object(members).to_string(),
    };
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
    let (bytes, coding) = match shape {
        Some(TokenShape::Compressed(coding)) => compressed(&body, *coding),
        _ => (body.into_bytes(), None),
    };
    let mut answer = Response::new(Body::from(bytes));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    answer
}

/// A text with the tokens where they are named.
fn filled(text: &str, members: &Object) -> String {
    let mut filled = text.to_owned();
    for name in ["access_token", "refresh_token", "id_token"] {
        let token = members.get(name).and_then(Value::as_str).unwrap_or_default();
        filled = filled.replace(&format!("{{{name}}}"), token);
    }
    filled
}

fn compressed(body: &str, coding: Coding) -> (Vec<u8>, Option<&'static str>) {
    let mut bytes = Vec::new();
    let (read, name) = match coding {
        Coding::Gzip => {
            (GzEncoder::new(body.as_bytes(), Compression::default()).read_to_end(&mut bytes), "gzip")
        }
        Coding::Deflate => {
            (ZlibEncoder::new(body.as_bytes(), Compression::default()).read_to_end(&mut bytes), "deflate")
        }
    };
    // Reading from memory does not fail; if it did, the answer would be cut short, which is a fault as good as any.
    drop(read);
    (bytes, Some(name))
}
