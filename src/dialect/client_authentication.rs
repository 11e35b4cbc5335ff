//! How a client authenticates to us: id and secret, by HTTP Basic or in the body, never both. RFC 6749 section 2.3. Whether
//! the secret is right is judged in [`crate::caller::authenticate`].

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::authorization_header::credentials;
use crate::error::Error;
use crate::secret::Token;

/// The client's id and secret. `id` and `secret` are those in the body.
///
/// # Errors
/// [`Error::InvalidRequest`] when it authenticates in two ways, or names another client; [`Error::InvalidClient`] when it
/// does not authenticate.
pub fn judge(
    headers: &HeaderMap,
    id: Option<String>,
    secret: Option<Token>,
) -> Result<(String, Token), Error> {
    match (basic(headers), id, secret) {
        (Some(_), _, Some(_)) => Err(refuse("The client authenticates twice; use one way.")),
        (Some((id, _)), Some(named), None) if id != named => {
            Err(refuse("`client_id` names another client than the one that authenticates."))
        }
        (Some(by_header), _, None) => Ok(by_header),
        (None, Some(id), Some(secret)) => Ok((id, secret)),
        (None, _, None) | (None, None, Some(_)) => Err(Error::InvalidClient),
    }
}

/// Id and secret by HTTP Basic (RFC 7617), form-decoded as RFC 6749 section 2.3.1 wants them.
#[must_use]
pub fn basic(headers: &HeaderMap) -> Option<(String, Token)> {
    let decoded = STANDARD.decode(credentials(headers, "basic")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((form_decoded(name), Token::new(form_decoded(password))))
}

fn form_decoded(text: &str) -> String {
    let pairs = format!("x={}", text.replace('&', "%26"));
    url::form_urlencoded::parse(pairs.as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

fn refuse(sentence: &str) -> Error {
    Error::InvalidRequest(sentence.to_owned())
}
