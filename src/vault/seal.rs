//! A sealed value, and the place it is bound to: moved to another row or column it does not open.

use std::fmt::{self, Write as _};

use aws_lc_rs::aead::LessSafeKey;

use super::cipher::{decrypt, encrypt};
use super::error::VaultError;
use crate::secret::Token;

const VERSION: &str = "v1";

/// A key that seals the secrets of one owner: a connection, an app, the house.
pub struct DataKey {
    kid: String,
    key: LessSafeKey,
}

impl fmt::Debug for DataKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DataKey({})", self.kid)
    }
}

/// Where a sealed value lives. Two different places never have the same text.
#[derive(Clone, Debug)]
pub struct Place(String);

impl Place {
    /// Table, column and row, and whatever else the value must not be separated from.
    #[must_use]
    pub fn new(table: &'static str, column: &'static str, row: &str, bound_to: &[&str]) -> Self {
        // Lengths in front, so that no two lists of parts read the same.
        let parts = [&[table, column, row], bound_to].concat();
        let mut text = String::new();
        for part in parts {
            let _ = write!(text, "{}:{part}", part.len());
        }
        Self(text)
    }
}

/// `v1.<key id>.<nonce, ciphertext and tag>`: what is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed(pub String);

impl Sealed {
    /// The id of the key that sealed it.
    pub(super) fn kid(&self) -> Option<&str> {
        self.0.split('.').nth(1)
    }
}

impl DataKey {
    pub(super) const fn new(kid: String, key: LessSafeKey) -> Self {
        Self { kid, key }
    }

    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// # Errors
    /// When the cipher refuses.
    pub fn seal(&self, place: &Place, secret: &Token) -> Result<Sealed, VaultError> {
        let ciphertext = encrypt(&self.key, &place.0, secret.expose().as_bytes())?;
        Ok(Sealed(format!("{VERSION}.{}.{ciphertext}", self.kid)))
    }

    /// # Errors
    /// [`VaultError::DoesNotOpen`] when it was altered, moved, or sealed with another key.
    pub fn open(&self, place: &Place, sealed: &Sealed) -> Result<Token, VaultError> {
        let mut parts = sealed.0.splitn(3, '.');
        let (version, kid, ciphertext) = (parts.next(), parts.next(), parts.next());
        let (Some(VERSION), Some(kid), Some(ciphertext)) = (version, kid, ciphertext) else {
            return Err(VaultError::DoesNotOpen);
        };
        if kid != self.kid {
            return Err(VaultError::DoesNotOpen);
        }
        let clear = decrypt(&self.key, &place.0, ciphertext)?;
        let text = std::str::from_utf8(&clear).map_err(|_| VaultError::DoesNotOpen)?;
        Ok(Token::new(text))
    }
}
