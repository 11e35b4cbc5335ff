//! The Ed25519 keys that sign content tokens: made at first boot, sealed with the house key, parsed once, and
//! published as a key set (RFC 7517, RFC 8037).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::store::{self, StoredKey};
use crate::clock::Timestamp;
use crate::db::Db;
use crate::error::Error;
use crate::secret::Token;
use crate::vault::{DataKey, Place};

/// Seconds a verifier may keep the key set.
pub const KEY_SET_LIFETIME: i64 = 300;

/// All active keys; the first signs.
pub struct SigningKeys {
    keys: Vec<SigningKey>,
}

struct SigningKey {
    kid: String,
    public_key: String,
    pair: Ed25519KeyPair,
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kids: Vec<&str> = self.keys.iter().map(|key| key.kid.as_str()).collect();
        write!(formatter, "SigningKeys({kids:?})")
    }
}

/// Opens the keys, and makes the first when there is none.
///
/// # Errors
/// When a stored key does not open.
pub async fn open(db: &Db, house_key: &DataKey, now: Timestamp) -> Result<SigningKeys, Error> {
    if store::signing_keys(db).await?.is_empty() {
        let new = generate(house_key)?;
        store::insert_first_signing_key(db, &new, house_key.kid(), now).await?;
    }
    let mut keys = Vec::new();
    for stored in store::signing_keys(db).await? {
        let clear = house_key.open(&place(&stored.kid), &stored.private_key)?;
        let pkcs8 = URL_SAFE_NO_PAD.decode(clear.expose()).map_err(|_| unusable(&stored.kid))?;
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(|_| unusable(&stored.kid))?;
        keys.push(SigningKey { kid: stored.kid, public_key: stored.public_key, pair });
    }
    if keys.is_empty() {
        return Err(Error::Internal("There is no signing key.".to_owned()));
    }
    Ok(SigningKeys { keys })
}

impl SigningKeys {
    /// A compact JWS (RFC 7515) of the claims, of the type `at+jwt` (RFC 9068 section 2.1).
    #[must_use]
    pub fn sign(&self, claims: &Value) -> Token {
        let key = &self.keys[0];
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key.kid });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(key.pair.sign(message.as_bytes()));
        Token::new(format!("{message}.{signature}"))
    }

    /// The public halves, and nothing that a verifier could stumble over.
    #[must_use]
    pub fn key_set(&self) -> Value {
        let key = |key: &SigningKey| json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key.kid, "x": key.public_key });
        json!({ "keys": self.keys.iter().map(key).collect::<Vec<_>>() })
    }
}

fn generate(house_key: &DataKey) -> Result<StoredKey, Error> {
    let failed = |_| Error::Internal("No signing key could be made.".to_owned());
    let pair = Ed25519KeyPair::generate().map_err(failed)?;
    let pkcs8 = pair.to_pkcs8().map_err(failed)?;
    let public = pair.public_key().as_ref();
    let kid = URL_SAFE_NO_PAD.encode(&digest(&SHA256, public).as_ref()[..12]);
    let private = Token::new(URL_SAFE_NO_PAD.encode(pkcs8.as_ref()));
    let private_key = house_key.seal(&place(&kid), &private)?;
    Ok(StoredKey { kid, public_key: URL_SAFE_NO_PAD.encode(public), private_key })
}

/// Where a private key lives.
pub(super) fn place(kid: &str) -> Place {
    Place::new("signing_keys", "private_key", kid, &[])
}

fn unusable(kid: &str) -> Error {
    Error::Internal(format!("The signing key {kid} cannot be used."))
}
