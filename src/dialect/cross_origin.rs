//! What browsers are told so that a page of another origin may ask and read (CORS, Fetch standard section 3.2). Which pages may,
//! each wire judges for itself.

use axum::http::{HeaderMap, HeaderValue, Method, header};

/// Seconds for which a browser need not ask again whether it may ask.
pub const MAX_AGE: &str = "600";

/// Whether a browser asks if it may ask. It brings no credential, and is told nothing of anybody.
#[must_use]
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Lets the page that asks read the answer, where it may. Whatever a cache keeps is for that one origin.
pub fn let_read(allowed: Option<&HeaderValue>, with_cookies: bool, headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = allowed else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    let exposed = HeaderValue::from_static("Retry-After, WWW-Authenticate, X-Request-Id");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    if with_cookies {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}
