//! The Ed25519 keys that sign content tokens: made at first boot, sealed with the house key, parsed once, and
//! published as a key set (RFC 7517, RFC 8037). One signs; one to come is published before it does, and one that was
//! followed until nothing that it signed is good any more.

pub(super) mod store;

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use self::store::StoredKey;
use super::rules::LONGEST_LIFE;
use crate::Broker;
use crate::clock::{Clock, Timestamp};
use crate::db::write::Transaction;
use crate::db::{self, Db};
use crate::error::Error;
use crate::replicas::lives::HEARD;
use crate::secret::Token;
use crate::vault::{HouseKey, Place};

/// Seconds a verifier may keep the key set.
pub const KEY_SET_LIFETIME: i64 = 300;

/// Those that are published.
pub struct SigningKeys {
    clock: Clock,
    /// The last to sign first.
    keys: RwLock<Vec<Arc<SigningKey>>>,
}

struct SigningKey {
    kid: String,
    public_key: String,
    pair: Ed25519KeyPair,
    signs_from: Timestamp,
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys = self.keys();
        let kids: Vec<&str> = keys.iter().map(|key| key.kid.as_str()).collect();
        write!(formatter, "SigningKeys({kids:?})")
    }
}

/// Opens the keys, and makes the first when there is none.
///
/// # Errors
/// When a stored key does not open.
pub async fn open(db: &Db, house_key: &HouseKey, clock: &Clock) -> Result<SigningKeys, Error> {
    if store::signing_keys(db).await?.is_empty() {
        let now = clock.now();
        store::insert_first_signing_key(db, &generate(house_key, now)?, now).await?;
    }
    let keys = SigningKeys { clock: clock.clone(), keys: RwLock::default() };
    keys.hold(house_key, &store::signing_keys(db).await?)?;
    if keys.keys().is_empty() {
        return Err(Error::Internal("There is no signing key.".to_owned()));
    }
    Ok(keys)
}

impl SigningKeys {
    /// A compact JWS (RFC 7515) of the claims, of the type `at+jwt` (RFC 9068 section 2.1).
    #[must_use]
    pub fn sign(&self, claims: &Value) -> Token {
        let key = self.present();
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key.kid });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(key.pair.sign(message.as_bytes()));
        Token::new(format!("{message}.{signature}"))
    }

    /// Whether the key of this id is published.
    #[must_use]
    pub fn publishes(&self, kid: &str) -> bool {
        self.published(kid).is_some()
    }

    /// Whether the key of this id, which is published, made a signature by this algorithm.
    #[must_use]
    pub fn verifies(&self, kid: &str, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        let Some(key) = self.published(kid).filter(|_| algorithm == "EdDSA") else { return false };
        UnparsedPublicKey::new(&ED25519, key.pair.public_key().as_ref()).verify(message, signature).is_ok()
    }

    fn published(&self, kid: &str) -> Option<Arc<SigningKey>> {
        let now = self.clock.now();
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let at = keys.iter().position(|key| key.kid == kid)?;
        is_needed(&keys, at, now).then(|| Arc::clone(&keys[at]))
    }

    /// The public halves, and nothing that a verifier could stumble over.
    #[must_use]
    pub fn key_set(&self) -> Value {
        let key = |key: &Arc<SigningKey>| json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key.kid, "x": key.public_key });
        let now = self.clock.now();
        let keys = self.keys();
        let needed = keys.iter().enumerate().filter(|(at, _)| is_needed(&keys, *at, now));
        json!({ "keys": needed.map(|(_, held)| key(held)).collect::<Vec<_>>() })
    }

    fn keys(&self) -> Vec<Arc<SigningKey>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest whose time has come.
    fn present(&self) -> Arc<SigningKey> {
        let now = self.clock.now();
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let present = keys.iter().position(|key| key.signs_from <= now).unwrap_or(keys.len() - 1);
        Arc::clone(&keys[present])
    }

    /// Holds these from now on.
    fn hold(&self, house_key: &HouseKey, stored: &[StoredKey]) -> Result<(), Error> {
        let known = self.keys();
        let mut keys = Vec::new();
        for stored in stored {
            keys.push(match known.iter().find(|key| key.kid == stored.kid) {
                Some(known) => Arc::clone(known),
                None => Arc::new(parse(house_key, stored)?),
            });
        }
        // Without any there would be nothing to sign with; the database has one at every moment.
        if !keys.is_empty() {
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        }
        Ok(())
    }
}

/// Whether a key is published: until what it signed has run out everywhere, and nobody keeps the key set of before.
fn is_needed(keys: &[Arc<SigningKey>], at: usize, now: Timestamp) -> bool {
    let Some(successor) = at.checked_sub(1).map(|at| &keys[at]) else { return true };
    successor.signs_from.plus(LONGEST_LIFE + KEY_SET_LIFETIME) > now
}

/// Learns what another server has decided.
///
/// # Errors
/// When the database does not answer, or a stored key does not open.
pub async fn follow(broker: &Broker) -> Result<(), Error> {
    let signed = broker.signing_keys.present();
    broker.signing_keys.hold(&broker.house_key, &store::signing_keys(&broker.db).await?)?;
    if broker.signing_keys.keys().iter().all(|key| key.kid != signed.kid) {
        // It was withdrawn, and may have signed since.
        let mut transaction = broker.db.begin().await?;
        withdraw_minted(broker, &mut transaction).await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// None of the content tokens that are kept and were minted is handed out again.
async fn withdraw_minted(broker: &Broker, transaction: &mut Transaction) -> Result<(), db::Error> {
    let holder = broker.clone();
    transaction.after_commit(move || holder.held.content_tokens.forget_all());
    super::store::withdraw_minted(transaction).await
}

/// Another signing key; its id and when it begins to sign: when every server publishes it, and nobody keeps a key set of
/// before. With `withdraw` at once, and the keys before it are gone: what they signed is good nowhere any more, as soon as
/// verifiers look at the key set again.
///
/// # Errors
/// [`Error::Conflict`] when one is to follow already.
pub async fn rotate(broker: &Broker, withdraw: bool) -> Result<(String, Timestamp), Error> {
    let now = broker.db.lease_now(&broker.clock).await?;
    let signs_from = if withdraw { now } else { now.plus(HEARD + KEY_SET_LIFETIME) };
    let new = generate(&broker.house_key, signs_from)?;
    let mut transaction = broker.db.begin().await?;
    if withdraw {
        store::drop_signing_keys(&mut transaction).await?;
        withdraw_minted(broker, &mut transaction).await?;
    }
    if !store::insert_signing_key(&mut transaction, &new, now).await? {
        let sentence = "A new signing key is about to follow already; `attache vault status` says when.";
        return Err(Error::Conflict(sentence.to_owned()));
    }
    transaction.commit().await?;
    follow(broker).await?;
    tracing::warn!(kid = new.kid, %signs_from, withdraw, "another signing key follows");
    Ok((new.kid, signs_from))
}

/// Removes the keys that are not published any more.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(broker: &Broker) -> Result<(), Error> {
    let (keys, now) = (broker.signing_keys.keys(), broker.clock.now());
    let over: Vec<_> = keys.iter().enumerate().filter(|(at, _)| !is_needed(&keys, *at, now)).collect();
    for (_, key) in &over {
        store::drop_signing_key(&broker.db, &key.kid).await?;
        tracing::warn!(kid = key.kid, "a signing key that nothing needs any more is destroyed");
    }
    if over.is_empty() { Ok(()) } else { follow(broker).await }
}

/// Seals the private keys with the present house key.
///
/// # Errors
/// When one does not open; when the database does not answer.
pub async fn seal_anew(broker: &Broker) -> Result<(), Error> {
    for stored in store::signing_keys(&broker.db).await? {
        let place = place(&stored.kid);
        let private_key =
            broker.house_key.seal(&place, &broker.house_key.open(&place, &stored.private_key)?)?;
        let anew = StoredKey { data_kid: broker.house_key.kid(), private_key, ..stored };
        store::replace_private_key(&broker.db, &anew).await?;
    }
    Ok(())
}

/// What is said of one key, for the operator.
#[derive(Debug)]
pub struct Standing {
    pub kid: String,
    pub signs_from: Timestamp,
}

/// The signing keys, the last to sign first.
///
/// # Errors
/// When the database does not answer.
pub async fn standing(broker: &Broker) -> Result<Vec<Standing>, db::Error> {
    let stored = store::signing_keys(&broker.db).await?.into_iter();
    Ok(stored.map(|key| Standing { kid: key.kid, signs_from: key.signs_from }).collect())
}

fn parse(house_key: &HouseKey, stored: &StoredKey) -> Result<SigningKey, Error> {
    let clear = house_key.open(&place(&stored.kid), &stored.private_key)?;
    let pkcs8 = URL_SAFE_NO_PAD.decode(clear.expose()).map_err(|_| unusable(&stored.kid))?;
    let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(|_| unusable(&stored.kid))?;
    let (kid, public_key) = (stored.kid.clone(), stored.public_key.clone());
    Ok(SigningKey { kid, public_key, pair, signs_from: stored.signs_from })
}

fn generate(house_key: &HouseKey, signs_from: Timestamp) -> Result<StoredKey, Error> {
    let failed = |_| Error::Internal("No signing key could be made.".to_owned());
    let pair = Ed25519KeyPair::generate().map_err(failed)?;
    let pkcs8 = pair.to_pkcs8().map_err(failed)?;
    let public = pair.public_key().as_ref();
    let kid = URL_SAFE_NO_PAD.encode(&digest(&SHA256, public).as_ref()[..12]);
    let private = Token::new(URL_SAFE_NO_PAD.encode(pkcs8.as_ref()));
    let private_key = house_key.seal(&place(&kid), &private)?;
    let public_key = URL_SAFE_NO_PAD.encode(public);
    Ok(StoredKey { kid, public_key, data_kid: house_key.kid(), private_key, signs_from })
}

/// Where a private key lives.
pub(super) fn place(kid: &str) -> Place {
    Place::new("signing_keys", "private_key", kid, &[])
}

fn unusable(kid: &str) -> Error {
    Error::Internal(format!("The signing key {kid} cannot be used."))
}
