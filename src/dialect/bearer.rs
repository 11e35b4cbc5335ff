//! Reads credentials from the `Authorization` header. RFC 6750 section 2.1, RFC 7617.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::secret::Token;

/// The bearer token, if there is one.
#[must_use]
pub fn token(headers: &HeaderMap) -> Option<Token> {
    let rest = after_scheme(headers, "bearer")?;
    (!rest.is_empty()).then(|| Token::new(rest))
}

/// User name and password of HTTP Basic, form-decoded as RFC 6749 section 2.3.1 wants them.
#[must_use]
pub fn basic(headers: &HeaderMap) -> Option<(String, Token)> {
    let decoded = STANDARD.decode(after_scheme(headers, "basic")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((form_decoded(name), Token::new(form_decoded(password))))
}

fn after_scheme(headers: &HeaderMap, scheme: &str) -> Option<String> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (said, rest) = value.to_str().ok()?.split_once(' ')?;
    said.eq_ignore_ascii_case(scheme).then(|| rest.trim().to_owned())
}

fn form_decoded(text: &str) -> String {
    let pairs = format!("x={}", text.replace('&', "%26"));
    url::form_urlencoded::parse(pairs.as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}
