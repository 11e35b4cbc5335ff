//! The keys that sign what we issue, as this process holds them: opened once, signed with, verified by, and published as a
//! key set (RFC 7517). Each algorithm has a line of keys, of which one signs. One to come is published before it does. One
//! that was followed is published until nothing that it signed is good any more. What becomes of them in the database is in
//! [`rotate`].

mod jws;
mod pair;
pub mod rotate;
pub(super) mod store;

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use self::pair::Pair;
use self::store::StoredKey;
use super::algorithm::{Algorithm, RsaSize};
use super::rules::LONGEST_LIFE;
use crate::clock::{Clock, Timestamp};
use crate::error::Error;
use crate::replicas::lives::HEARD;
use crate::secret::Token;
use crate::vault::{HouseKey, Place};

/// Seconds a verifier may keep the key set.
pub const KEY_SET_LIFETIME: i64 = 300;
/// Seconds for which a key is published before it signs: until every server has heard of it, and then until nobody keeps a
/// key set of before.
pub const LEAD: i64 = HEARD + KEY_SET_LIFETIME;
/// Seconds for which a key is published when another has followed it.
pub const TRAIL: i64 = LONGEST_LIFE + KEY_SET_LIFETIME;
/// The type of an access token in its header. RFC 9068 section 2.1.
pub const ACCESS_TOKEN: &str = "at+jwt";

/// Those that are published.
pub struct SigningKeys {
    clock: Clock,
    /// The last to sign first.
    keys: RwLock<Vec<Arc<SigningKey>>>,
}

struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    pair: Pair,
    verifier: ParsedPublicKey,
    /// The public half, and nothing that a verifier could stumble over.
    jwk: Value,
    signs_from: Timestamp,
}

/// What a token of ours says, once its signature and its time are judged.
#[derive(Debug)]
pub struct Verified {
    /// Such as [`ACCESS_TOKEN`].
    pub typ: String,
    pub claims: Map<String, Value>,
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys = self.keys();
        let kids: Vec<&str> = keys.iter().map(|key| key.kid.as_str()).collect();
        write!(formatter, "SigningKeys({kids:?})")
    }
}

impl SigningKeys {
    /// Holds none yet.
    fn none(clock: &Clock) -> Self {
        Self { clock: clock.clone(), keys: RwLock::default() }
    }

    /// A compact JWS (RFC 7515) of the claims, by the present key of an algorithm. `typ` says in the header what it is.
    ///
    /// # Errors
    /// [`Error::KeyToCome`] while verifiers may not know the first key of the algorithm yet.
    pub fn sign(&self, algorithm: Algorithm, typ: &str, claims: &Value) -> Result<Token, Error> {
        let key = self.present(algorithm).ok_or_else(|| self.to_come(algorithm))?;
        let message = jws::message(algorithm, typ, &key.kid, claims);
        let signature = key.pair.sign(message.as_bytes()).map_err(|_| unusable(&key.kid))?;
        Ok(Token::new(jws::compact(&message, &signature)))
    }

    /// Whether verifiers know a key of this algorithm, so that it signs.
    #[must_use]
    pub fn can_sign(&self, algorithm: Algorithm) -> bool {
        self.present(algorithm).is_some()
    }

    /// Whether the key of this id is published.
    #[must_use]
    pub fn publishes(&self, kid: &str) -> bool {
        self.published(kid).is_some()
    }

    /// Whether the key of this id, which is published, made a signature. The key says how it signs: what a token says of that
    /// is compared, and decides nothing.
    #[must_use]
    pub fn verifies(&self, kid: &str, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        let key = self.published(kid).filter(|key| <&str>::from(key.algorithm) == algorithm);
        key.is_some_and(|key| key.verifier.verify_sig(message, signature).is_ok())
    }

    /// What a token says that we signed and whose time it is: by the keys that are published now, which is how anybody else
    /// would judge it. Who it is for, and whether what it stands for was revoked since, is the caller's to judge.
    #[must_use]
    pub fn verify(&self, token: &Token) -> Option<Verified> {
        let parts = jws::Parts::of(token.expose())?;
        let header = &parts.header;
        let is_ours = header.crit.is_none()
            && self.verifies(&header.kid, &header.alg, parts.message.as_bytes(), &parts.signature);
        let claims: Map<String, Value> = if is_ours { parts.claims()? } else { return None };
        let now = self.clock.now().unix();
        let ends = claims.get("exp").and_then(Value::as_i64)?;
        let begins = match claims.get("nbf") {
            Some(begins) => begins.as_i64()?,
            None => now,
        };
        (begins <= now && now < ends).then_some(Verified { typ: parts.header.typ, claims })
    }

    /// The public halves.
    #[must_use]
    pub fn key_set(&self) -> Value {
        let now = self.clock.now();
        let keys = self.keys();
        let needed = keys.iter().enumerate().filter(|(at, _)| is_needed(&keys, *at, now));
        json!({ "keys": needed.map(|(_, key)| &key.jwk).collect::<Vec<_>>() })
    }

    fn keys(&self) -> Vec<Arc<SigningKey>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest of a line whose time has come.
    fn present(&self, algorithm: Algorithm) -> Option<Arc<SigningKey>> {
        let now = self.clock.now();
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter().find(|key| key.algorithm == algorithm && key.signs_from <= now).cloned()
    }

    /// The one of each line that signs.
    fn signing(&self) -> Vec<Arc<SigningKey>> {
        Algorithm::ALL.iter().filter_map(|algorithm| self.present(*algorithm)).collect()
    }

    fn published(&self, kid: &str) -> Option<Arc<SigningKey>> {
        let now = self.clock.now();
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let at = keys.iter().position(|key| key.kid == kid)?;
        is_needed(&keys, at, now).then(|| Arc::clone(&keys[at]))
    }

    fn to_come(&self, algorithm: Algorithm) -> Error {
        let now = self.clock.now();
        let keys = self.keys();
        let first = keys.iter().rfind(|key| key.algorithm == algorithm);
        let retry_after = first.map_or(LEAD, |key| key.signs_from.seconds_from(now)).max(1);
        Error::KeyToCome { algorithm: algorithm.into(), retry_after }
    }

    /// Holds these from now on.
    fn hold(&self, house_key: &HouseKey, stored: &[StoredKey]) -> Result<(), Error> {
        let known = self.keys();
        let mut keys = Vec::new();
        for stored in stored {
            keys.push(match known.iter().find(|key| key.kid == stored.kid) {
                Some(known) => Arc::clone(known),
                None => Arc::new(open(house_key, stored)?),
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
    let successor = keys[..at].iter().rfind(|key| key.algorithm == keys[at].algorithm);
    successor.is_none_or(|successor| successor.signs_from.plus(TRAIL) > now)
}

fn open(house_key: &HouseKey, stored: &StoredKey) -> Result<SigningKey, Error> {
    let written = house_key.open(&place(&stored.kid), &stored.private_key)?;
    let pair = Pair::read(stored.algorithm, &written).ok_or_else(|| unusable(&stored.kid))?;
    let verifier = pair.verifier().map_err(|_| unusable(&stored.kid))?;
    let (kid, algorithm, signs_from) = (stored.kid.clone(), stored.algorithm, stored.signs_from);
    let mut jwk = pair.jwk();
    jwk["use"] = json!("sig");
    jwk["alg"] = json!(algorithm);
    jwk["kid"] = json!(kid);
    Ok(SigningKey { kid, algorithm, pair, verifier, jwk, signs_from })
}

/// A new key, sealed, that nobody knows of yet.
async fn make(
    house_key: &HouseKey,
    algorithm: Algorithm,
    rsa_size: RsaSize,
    signs_from: Timestamp,
    now: Timestamp,
) -> Result<StoredKey, Error> {
    let failed = |_| Error::Internal("No signing key could be made.".to_owned());
    // To find two large primes takes a while, in which the others are served.
    let made = tokio::task::spawn_blocking(move || Pair::generate(algorithm, rsa_size)).await;
    let pair =
        made.map_err(|_| Error::Internal("No signing key could be made.".to_owned()))?.map_err(failed)?;
    let public = pair.public_key();
    let kid = URL_SAFE_NO_PAD.encode(&digest(&SHA256, public).as_ref()[..12]);
    let private_key = house_key.seal(&place(&kid), &pair.write().map_err(failed)?)?;
    let public_key = URL_SAFE_NO_PAD.encode(public);
    Ok(StoredKey {
        kid,
        algorithm,
        public_key,
        data_kid: house_key.kid(),
        private_key,
        signs_from,
        created_at: now,
    })
}

/// Where a private key lives.
pub(super) fn place(kid: &str) -> Place {
    Place::new("signing_keys", "private_key", kid, &[])
}

fn unusable(kid: &str) -> Error {
    Error::Internal(format!("The signing key {kid} cannot be used."))
}
