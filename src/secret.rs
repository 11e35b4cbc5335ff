//! Secrets as types that cannot be printed, and the hashes we keep instead of them.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// A value that must never reach a log, a page or an error: an access or refresh token, a client
/// secret, an API key. `Debug` says only that there is one; the memory is wiped when it is dropped.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Token(SecretString);

impl Token {
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// 256 random bits, base64url.
    #[must_use]
    pub fn random() -> Self {
        Self::new(random_text::<32>())
    }

    /// The value itself. Each call is a place where a secret leaves its wrapping: keep them few.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What an editor or a copied line left in it, which nobody sees and no issuer takes.
    #[must_use]
    pub fn oddity(&self) -> Option<&'static str> {
        let secret = self.expose();
        match secret {
            "" => Some("is empty; give it, or leave it out where none is needed"),
            _ if secret.starts_with('\u{feff}') => {
                Some("begins with a byte-order mark; save its file without one")
            }
            _ if secret.contains('\0') => Some("holds a NUL; save its file as UTF-8 text"),
            _ => None,
        }
    }

    /// Some secrets are meant to; most are not.
    #[must_use]
    pub fn has_a_blank_at_an_end(&self) -> bool {
        self.expose().trim() != self.expose()
    }

    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.expose())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(redacted)")
    }
}

/// A secret that may be replaced while the server runs.
#[derive(Debug)]
pub struct Renewable(RwLock<Option<Token>>);

impl Renewable {
    #[must_use]
    pub const fn new(secret: Option<Token>) -> Self {
        Self(RwLock::new(secret))
    }

    #[must_use]
    pub fn get(&self) -> Option<Token> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn replace(&self, secret: Option<Token>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = secret;
    }
}

/// SHA-256 of a secret, base64url: all we keep of what we only ever need to recognise.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash(String);

impl TokenHash {
    #[must_use]
    pub fn of(value: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(digest(&SHA256, value.as_bytes())))
    }

    /// One that we stored.
    #[must_use]
    pub const fn stored(text: String) -> Self {
        Self(text)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether two secrets are the same, in a time that does not tell how much of them is.
#[must_use]
pub fn same(left: &str, right: &str) -> bool {
    verify_slices_are_equal(left.as_bytes(), right.as_bytes()).is_ok()
}

/// `N` random bytes from the system, base64url without padding.
///
/// # Panics
/// When the system has no randomness to give: nothing safe can be done then.
#[must_use]
pub fn random_text<const N: usize>() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<N>())
}

/// `N` random bytes from the system.
///
/// # Panics
/// When the system has no randomness to give: nothing safe can be done then.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system's random source answers");
    bytes
}

/// Letters and digits that are not mistaken for one another; 32 of them, so that a byte maps evenly.
const ID_ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Random text for an id, 5 bits a character.
///
/// # Panics
/// When the system has no randomness to give: nothing safe can be done then.
#[must_use]
pub fn random_id<const N: usize>() -> String {
    spell(&random_bytes::<N>())
}

/// The first five bits of a byte, in the alphabet of ids.
#[must_use]
pub fn letter(byte: u8) -> u8 {
    ID_ALPHABET[usize::from(byte & 31)]
}

/// The first five bits of each byte, in the alphabet of ids.
#[must_use]
pub fn spell(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(letter(*byte))).collect()
}

/// Writes secrets in clear, for what is sealed next.
pub mod exposed {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Token;

    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(secret: &Token, serializer: S) -> Result<S::Ok, S::Error> {
        secret.expose().serialize(serializer)
    }

    /// # Errors
    /// The deserializer's.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Token, D::Error> {
        Token::deserialize(deserializer)
    }
}

/// Writes optional secrets in clear, for the operator's socket between two processes of one machine.
pub mod exposed_option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Token;

    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(secret: &Option<Token>, serializer: S) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(Token::expose).serialize(serializer)
    }

    /// # Errors
    /// The deserializer's.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Token>, D::Error> {
        Option::deserialize(deserializer)
    }
}

/// As [`exposed_option`], for secrets by name.
pub mod exposed_map {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Token;

    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(
        secrets: &BTreeMap<String, Token>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let exposed: BTreeMap<&str, &str> =
            secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect();
        exposed.serialize(serializer)
    }

    /// # Errors
    /// The deserializer's.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<String, Token>, D::Error> {
        BTreeMap::deserialize(deserializer)
    }
}
