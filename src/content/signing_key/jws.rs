//! The compact form of a signed token (RFC 7515 section 7.1): put together, and taken apart. Holds no key, and believes
//! nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::content::algorithm::Algorithm;

/// Bytes beyond which nothing is a token of ours.
const LONGEST: usize = 16 * 1024;

/// What is signed.
pub(super) fn message(algorithm: Algorithm, typ: &str, kid: &str, claims: &Value) -> String {
    let header = json!({ "alg": algorithm, "typ": typ, "kid": kid });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(&header), part(claims))
}

/// The whole.
pub(super) fn compact(message: &str, signature: &[u8]) -> String {
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A token taken apart.
pub(super) struct Parts<'a> {
    pub header: Header,
    /// What was signed, if it was.
    pub message: &'a str,
    pub signature: Vec<u8>,
    claims: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Header {
    pub alg: String,
    pub typ: String,
    pub kid: String,
    /// Extensions that it demands; we write none.
    pub crit: Option<Value>,
}

impl<'a> Parts<'a> {
    /// None when the text does not have the form of what we sign.
    pub(super) fn of(token: &'a str) -> Option<Self> {
        if token.len() > LONGEST {
            return None;
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some(Self { header: json_of(header)?, message, signature, claims })
    }

    pub(super) fn claims<T: DeserializeOwned>(&self) -> Option<T> {
        json_of(self.claims)
    }
}

fn json_of<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
