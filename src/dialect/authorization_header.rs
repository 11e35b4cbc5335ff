//! The `Authorization` header (RFC 9110 section 11.6.2), and the bearer token in it. RFC 6750 section 2.1.

use axum::http::{HeaderMap, header};

use crate::secret::Token;

/// The bearer token, if there is one.
#[must_use]
pub fn bearer_token(headers: &HeaderMap) -> Option<Token> {
    let rest = credentials(headers, "bearer")?;
    (!rest.is_empty()).then(|| Token::new(rest))
}

/// What stands behind the scheme, where the header stands there once.
pub(super) fn credentials(headers: &HeaderMap, scheme: &str) -> Option<String> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (said, rest) = value.to_str().ok()?.split_once(' ')?;
    said.eq_ignore_ascii_case(scheme).then(|| rest.trim().to_owned())
}
