//! Keyed hashes (HMAC-SHA256) by which somebody is known again after their name is erased, and which tell nobody else who
//! that was. Their key is made once and wrapped anew with all others; it is never another one, for nothing could be
//! known again then.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::master_keys::Vault;
use super::store::{self, Purpose};
use crate::clock::Timestamp;
use crate::db::Db;
use crate::error::Error;
use crate::secret::random_bytes;

/// By this name there is one.
const KID: &str = "dk_pseudonyms";

/// Makes pseudonyms.
pub struct Pseudonyms(hmac::Key);

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pseudonyms(redacted)")
    }
}

impl Pseudonyms {
    /// With the key of this database, which is made when there is none.
    ///
    /// # Errors
    /// When the database does not answer, or the key does not open.
    pub async fn open(db: &Db, vault: &Vault, now: Timestamp) -> Result<Self, Error> {
        let key = if let Some(key) = store::by_kid(db, KID).await? {
            key
        } else {
            let bytes = Zeroizing::new(random_bytes::<32>());
            let key = vault.wrap(KID, bytes.as_slice())?;
            let mut transaction = db.begin().await?;
            store::insert(&mut transaction, &key, Purpose::Pseudonym, now).await?;
            transaction.commit().await?;
            key
        };
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &vault.clear(&key)?)))
    }

    /// Of an account, by whom the sign-in issuer names.
    #[must_use]
    pub fn of_account(&self, issuer: &str, subject: &str) -> String {
        self.of(&["account", issuer, subject])
    }

    /// Of a connection: of an account, to an app, as an external identity.
    #[must_use]
    pub fn of_connection(&self, account: &str, app_id: &str, issuer: &str, subject: &str) -> String {
        self.of(&["connection", account, app_id, issuer, subject])
    }

    fn of(&self, parts: &[&str]) -> String {
        // Lengths in front, so that no two lists of parts read the same.
        let lengths: Vec<String> = parts.iter().map(|part| part.len().to_string()).collect();
        let text: Vec<&str> =
            lengths.iter().zip(parts).flat_map(|(length, part)| [length, ":", *part]).collect();
        let text = text.concat();
        format!("ps_{}", URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, text.as_bytes())))
    }
}
