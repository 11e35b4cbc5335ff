//! The header by which a proxy proves for which resource server it asks. It is ours alone, so that `Authorization` stays
//! the client's.

use axum::http::{HeaderMap, HeaderName};

use crate::secret::Token;

pub const HEADER: HeaderName = HeaderName::from_static("attache-resource-server");

/// The secret, where the header stands there once.
#[must_use]
pub fn read(headers: &HeaderMap) -> Option<Token> {
    let mut values = headers.get_all(HEADER).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let text = value.to_str().ok()?.trim();
    (!text.is_empty()).then(|| Token::new(text))
}
