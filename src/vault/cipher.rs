//! AES-256-GCM with a random nonce: bytes in, text out, and back. Does not know what it seals.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::error::VaultError;
use crate::secret::random_bytes;

pub(super) fn aes_key(bytes: &[u8]) -> Result<LessSafeKey, VaultError> {
    let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| VaultError::MalformedMasterKey)?;
    Ok(LessSafeKey::new(key))
}

/// nonce || ciphertext || tag, base64url.
pub(super) fn encrypt(key: &LessSafeKey, aad: &str, clear: &[u8]) -> Result<String, VaultError> {
    let nonce = random_bytes::<12>();
    let mut sealed = clear.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad.as_bytes()), &mut sealed)
        .map_err(|_| VaultError::DoesNotOpen)?;
    Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
}

pub(super) fn decrypt(key: &LessSafeKey, aad: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let mut bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(sealed).map_err(|_| VaultError::DoesNotOpen)?);
    let (nonce, ciphertext) = bytes.split_at_mut_checked(12).ok_or(VaultError::DoesNotOpen)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::DoesNotOpen)?;
    let clear = key
        .open_in_place(nonce, Aad::from(aad.as_bytes()), ciphertext)
        .map_err(|_| VaultError::DoesNotOpen)?;
    Ok(Zeroizing::new(clear.to_vec()))
}
