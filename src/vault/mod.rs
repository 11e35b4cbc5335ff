//! Sealing: master keys wrap data keys, data keys seal values, and every value is bound to where it lives.
//! Holds no connection to a database but through `store`; never prints what it opens.

pub mod seal;
mod store;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::secret::{Token, random_bytes, random_text};

pub use seal::{DataKey, Place, Sealed};
pub use store::{Purpose, destroy, insert, unlock};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error("the master key is not 32 bytes in base64")]
    MalformedMasterKey,
    #[error("the master key is not the one this database was sealed with")]
    WrongMasterKey,
    #[error("the database holds secrets but no key to open them with")]
    KeysMissing,
    #[error("a sealed value does not open where it stands")]
    DoesNotOpen,
}

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
}

/// The master key in memory.
#[derive(Debug)]
pub struct Vault {
    master: MasterKey,
}

/// A data key as it lies in `vault_keys`.
#[derive(Clone, Debug)]
pub struct WrappedKey {
    pub kid: String,
    pub master_kid: String,
    pub wrapped: String,
}

impl Vault {
    #[must_use]
    pub const fn new(master: MasterKey) -> Self {
        Self { master }
    }

    #[must_use]
    pub fn master_kid(&self) -> &str {
        &self.master.kid
    }

    /// A fresh data key, and its wrapped form to be stored in the same transaction as what it seals.
    ///
    /// # Errors
    /// [`VaultError::DoesNotOpen`] when the cipher refuses, which it does not for 32 bytes.
    pub fn new_data_key(&self) -> Result<(DataKey, WrappedKey), VaultError> {
        let kid = format!("dk_{}", random_text::<12>());
        let bytes = Zeroizing::new(random_bytes::<32>());
        let wrapped = encrypt(&self.master.key, &key_aad(&kid, &self.master.kid), bytes.as_slice())?;
        let wrapped = WrappedKey { kid: kid.clone(), master_kid: self.master.kid.clone(), wrapped };
        Ok((DataKey::new(kid, aes_key(bytes.as_slice())?), wrapped))
    }

    /// # Errors
    /// [`VaultError::WrongMasterKey`] when another master key wrapped it or it was altered.
    pub fn unwrap(&self, key: &WrappedKey) -> Result<DataKey, VaultError> {
        if key.master_kid != self.master.kid {
            return Err(VaultError::WrongMasterKey);
        }
        let bytes = decrypt(&self.master.key, &key_aad(&key.kid, &key.master_kid), &key.wrapped)
            .map_err(|_| VaultError::WrongMasterKey)?;
        Ok(DataKey::new(key.kid.clone(), aes_key(&bytes)?))
    }
}

fn key_aad(kid: &str, master_kid: &str) -> String {
    format!("vault_keys/wrapped/{kid}/{master_kid}")
}

fn aes_key(bytes: &[u8]) -> Result<LessSafeKey, VaultError> {
    let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| VaultError::MalformedMasterKey)?;
    Ok(LessSafeKey::new(key))
}

/// nonce || ciphertext || tag, base64url.
fn encrypt(key: &LessSafeKey, aad: &str, clear: &[u8]) -> Result<String, VaultError> {
    let nonce = random_bytes::<12>();
    let mut sealed = clear.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad.as_bytes()), &mut sealed)
        .map_err(|_| VaultError::DoesNotOpen)?;
    Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
}

fn decrypt(key: &LessSafeKey, aad: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let mut bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(sealed).map_err(|_| VaultError::DoesNotOpen)?);
    let (nonce, ciphertext) = bytes.split_at_mut_checked(12).ok_or(VaultError::DoesNotOpen)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::DoesNotOpen)?;
    let clear = key
        .open_in_place(nonce, Aad::from(aad.as_bytes()), ciphertext)
        .map_err(|_| VaultError::DoesNotOpen)?;
    Ok(Zeroizing::new(clear.to_vec()))
}
