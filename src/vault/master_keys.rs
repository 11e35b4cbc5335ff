//! The master keys in memory: they wrap and unwrap data keys, and by these open what a row holds. Knows no database.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::aead::LessSafeKey;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::cipher::{aes_key, decrypt, encrypt};
use super::damage::Damaged;
use super::error::VaultError;
use super::seal::{DataKey, Place, Sealed};
use crate::error::Error;
use crate::secret::{Token, random_bytes, random_text};

/// 32 bytes from outside the database. Its id is derived from it, so that two can be told apart.
pub struct MasterKey {
    pub kid: String,
    key: LessSafeKey,
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "MasterKey({})", self.kid)
    }
}

impl MasterKey {
    /// # Errors
    /// [`VaultError::MalformedMasterKey`] unless it is 32 bytes in base64.
    pub fn parse(secret: &Token) -> Result<Self, VaultError> {
        let text = secret.expose().trim();
        let decoded = STANDARD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text));
        let bytes = Zeroizing::new(decoded.map_err(|_| VaultError::MalformedMasterKey)?);
        if bytes.len() != 32 {
            return Err(VaultError::MalformedMasterKey);
        }
        let labelled = Zeroizing::new([b"attache master key id\0".as_slice(), &bytes].concat());
        let kid = format!("mk_{}", URL_SAFE_NO_PAD.encode(&digest(&SHA256, &labelled).as_ref()[..9]));
        Ok(Self { kid, key: aes_key(&bytes)? })
    }

    /// A new one, as the text that goes into its file.
    #[must_use]
    pub fn generate() -> Token {
        Token::new(STANDARD.encode(Zeroizing::new(random_bytes::<32>())))
    }

    fn wrap(&self, kid: &str, bytes: &[u8]) -> Result<WrappedKey, VaultError> {
        let wrapped = encrypt(&self.key, &key_aad(kid, &self.kid), bytes)?;
        Ok(WrappedKey { kid: kid.to_owned(), master_kid: self.kid.clone(), wrapped })
    }
}

fn key_aad(kid: &str, master_kid: &str) -> String {
    format!("vault_keys/wrapped/{kid}/{master_kid}")
}

/// The master keys in memory: the one that is to wrap, and during a rotation the one before it.
#[derive(Debug)]
pub struct Vault {
    master: MasterKey,
    previous: Option<MasterKey>,
    /// The database decides by which of the two new keys are wrapped. Until a rotation has begun it is the previous one:
    /// there may be servers that do not know the other.
    by_previous: AtomicBool,
    damaged: Damaged,
}

/// A data key as it lies in `vault_keys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    pub kid: String,
    pub master_kid: String,
    pub wrapped: String,
}

impl Vault {
    #[must_use]
    pub fn new(master: MasterKey) -> Self {
        Self::with_previous(master, None)
    }

    #[must_use]
    pub fn with_previous(master: MasterKey, previous: Option<MasterKey>) -> Self {
        Self { master, previous, by_previous: AtomicBool::new(false), damaged: Damaged::default() }
    }

    /// The id of the configured master key.
    #[must_use]
    pub fn master_kid(&self) -> &str {
        &self.master.kid
    }

    /// The id of the configured previous master key.
    #[must_use]
    pub fn previous_kid(&self) -> Option<&str> {
        self.previous.as_ref().map(|previous| previous.kid.as_str())
    }

    /// Every master key that this process was given.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.master_kid()).chain(self.previous_kid())
    }

    /// Wraps by the master key that the database is under, from now on.
    pub fn follow(&self, kid: &str) {
        self.by_previous.store(self.previous_kid() == Some(kid), Ordering::SeqCst);
    }

    /// The id of the master key by which this process wraps.
    #[must_use]
    pub fn wraps_by(&self) -> &str {
        &self.present().kid
    }

    fn present(&self) -> &MasterKey {
        let previous = self.previous.as_ref().filter(|_| self.by_previous.load(Ordering::SeqCst));
        previous.unwrap_or(&self.master)
    }

    pub(super) fn known(&self, kid: &str) -> Result<&MasterKey, VaultError> {
        let mut known = std::iter::once(&self.master).chain(&self.previous);
        known.find(|master| master.kid == kid).ok_or(VaultError::UnknownMasterKey)
    }

    /// A fresh data key, and its wrapped form to be stored in the same transaction as what it seals.
    ///
    /// # Errors
    /// [`VaultError::DoesNotOpen`] when the cipher refuses, which it does not for 32 bytes.
    pub fn new_data_key(&self) -> Result<(DataKey, WrappedKey), VaultError> {
        let kid = format!("dk_{}", random_text::<12>());
        let bytes = Zeroizing::new(random_bytes::<32>());
        let wrapped = self.wrap(&kid, bytes.as_slice())?;
        Ok((DataKey::new(kid, aes_key(bytes.as_slice())?), wrapped))
    }

    /// # Errors
    /// [`VaultError::UnknownMasterKey`] when another master key wrapped it; [`VaultError::DoesNotOpen`] when it was
    /// altered.
    pub fn unwrap(&self, key: &WrappedKey) -> Result<DataKey, VaultError> {
        let bytes = self.clear(key)?;
        Ok(DataKey::new(key.kid.clone(), aes_key(&bytes)?))
    }

    /// The same data key, wrapped by the configured master key.
    ///
    /// # Errors
    /// As [`Vault::unwrap`].
    pub fn rewrap(&self, key: &WrappedKey) -> Result<WrappedKey, VaultError> {
        let bytes = self.clear(key)?;
        // What is no key is found out now, and not when the old master key is gone.
        aes_key(&bytes)?;
        self.master.wrap(&key.kid, &bytes)
    }

    /// A key, wrapped by the master key by which this process wraps.
    pub(super) fn wrap(&self, kid: &str, bytes: &[u8]) -> Result<WrappedKey, VaultError> {
        self.present().wrap(kid, bytes)
    }

    /// A key in clear.
    pub(super) fn clear(&self, key: &WrappedKey) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        decrypt(&self.known(&key.master_kid)?.key, &key_aad(&key.kid, &key.master_kid), &key.wrapped)
    }

    /// The data key of a row, for whoever serves it.
    ///
    /// # Errors
    /// [`Error::Damaged`]; [`Error::Vault`] when another server may be able to.
    pub fn data_key(&self, key: &WrappedKey) -> Result<DataKey, Error> {
        self.unwrap(key).map_err(|why| self.damaged.name("vault_keys", "wrapped", &key.kid, why))
    }

    /// What a row holds, for whoever serves it.
    ///
    /// # Errors
    /// [`Error::Damaged`]
    pub fn open(
        &self,
        (table, column, row): (&'static str, &'static str, &str),
        key: &DataKey,
        place: &Place,
        sealed: &Sealed,
    ) -> Result<Token, Error> {
        key.open(place, sealed).map_err(|why| self.damaged.name(table, column, row, why))
    }

    /// A row whose data key is gone.
    #[must_use]
    pub fn keyless(&self, table: &'static str, row: &str) -> Error {
        self.damaged.name(table, "data_kid", row, VaultError::KeysMissing)
    }
}
