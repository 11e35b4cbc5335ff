//! An issuer's key set (RFC 7517): fetched, stripped of weak and foreign keys, kept, and fetched again once
//! when a token names a key that is not in it.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreJsonWebKey, CoreJsonWebKeySet};
use openidconnect::{JsonWebKey, JsonWebKeyId, JsonWebKeySet};
use serde_json::Value;

use super::discovery::endpoints;
use super::{Issuer, IssuerFault, Issuers};
use crate::clock::Timestamp;

/// Seconds after which keys are asked for again although all needed ones are there.
const FRESH_FOR: i64 = 3600;
/// Seconds between two fetches for the sake of unknown keys, so that made-up tokens cost the issuer nothing.
const UNKNOWN_KEY_EVERY: i64 = 30;

/// The kept keys of one issuer.
#[derive(Debug, Default)]
pub struct CachedKeys {
    kept: Mutex<Option<Kept>>,
    /// Until when no fetch is made, and why the last one failed.
    paused: Mutex<Option<(Timestamp, IssuerFault)>>,
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Kept {
    keys: Arc<CoreJsonWebKeySet>,
    fetched_at: Timestamp,
    /// When a search for another key was last in vain.
    missed_at: Option<Timestamp>,
}

/// The issuer's keys, from memory while they are fresh; the last good copy when no other can be had.
///
/// # Errors
/// When there is no copy and none can be had.
pub async fn key_set(issuers: &Issuers, issuer: &Issuer) -> Result<Arc<CoreJsonWebKeySet>, IssuerFault> {
    let known = issuers.known(&issuer.external_name());
    let cached = &known.keys;
    let fresh = || cached.kept().filter(|kept| kept.fetched_at.plus(FRESH_FOR) > issuers.clock.now());
    if let Some(kept) = fresh() {
        return Ok(kept.keys);
    }
    let _one_at_a_time = cached.fetching.lock().await;
    if let Some(kept) = fresh() {
        return Ok(kept.keys);
    }
    let fetched = fetch(issuers, issuer, cached).await;
    fetched.or_else(|fault| cached.kept().map(|kept| kept.keys).ok_or(fault))
}

/// The keys as the issuer publishes them now, for the sake of a token that none of those in `tried` verifies. None when
/// the last such search was in vain and a short while ago, or the issuer cannot be asked: then nobody knows.
pub async fn search(
    issuers: &Issuers,
    issuer: &Issuer,
    tried: &Arc<CoreJsonWebKeySet>,
) -> Option<Arc<CoreJsonWebKeySet>> {
    let known = issuers.known(&issuer.external_name());
    let cached = &known.keys;
    let _one_at_a_time = cached.fetching.lock().await;
    // Another's search has brought them for us as well.
    if let Some(kept) = cached.kept().filter(|kept| !Arc::ptr_eq(&kept.keys, tried)) {
        return Some(kept.keys);
    }
    if cached
        .kept()
        .and_then(|kept| kept.missed_at)
        .is_some_and(|at| at.plus(UNKNOWN_KEY_EVERY) > issuers.clock.now())
    {
        return None;
    }
    fetch(issuers, issuer, cached).await.ok()
}

/// A search was in vain: the next one waits, so that made-up tokens are not amplified.
pub fn missed(issuers: &Issuers, issuer: &Issuer) {
    let known = issuers.known(&issuer.external_name());
    let mut kept = known.keys.kept.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = kept.as_mut() {
        kept.missed_at = Some(issuers.clock.now());
    }
}

async fn fetch(
    issuers: &Issuers,
    issuer: &Issuer,
    cached: &CachedKeys,
) -> Result<Arc<CoreJsonWebKeySet>, IssuerFault> {
    let now = issuers.clock.now();
    // An issuer that just failed is left alone for a while, whatever keys are invented meanwhile.
    if let Some(fault) = cached.paused(now) {
        return Err(fault);
    }
    let endpoints = endpoints(issuers, issuer).await?;
    let jwks =
        endpoints.jwks.as_ref().ok_or_else(|| IssuerFault::Odd("the issuer publishes no keys".to_owned()))?;
    match issuers.http.get_json(jwks).await {
        Ok(document) => {
            let keys = Arc::new(trusted(&document));
            let missed_at = cached.kept().and_then(|kept| kept.missed_at);
            cached.keep(Kept { keys: Arc::clone(&keys), fetched_at: now, missed_at });
            Ok(keys)
        }
        Err(fault) => {
            cached.pause(now.plus(UNKNOWN_KEY_EVERY), fault.clone());
            Err(fault)
        }
    }
}

impl CachedKeys {
    fn kept(&self) -> Option<Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn pause(&self, until: Timestamp, fault: IssuerFault) {
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner) = Some((until, fault));
    }

    fn paused(&self, now: Timestamp) -> Option<IssuerFault> {
        let paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        paused.as_ref().filter(|(until, _)| *until > now).map(|(_, fault)| fault.clone())
    }

    fn keep(&self, kept: Kept) {
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }
}

/// Whether a key of this name is among them.
#[must_use]
pub fn holds(keys: &CoreJsonWebKeySet, kid: &str) -> bool {
    let wanted = JsonWebKeyId::new(kid.to_owned());
    keys.keys().iter().any(|key| key.key_id() == Some(&wanted))
}

/// Only public signature keys of RSA 2048 or P-256 and above; whatever else stands in the set is passed over.
fn trusted(document: &Value) -> CoreJsonWebKeySet {
    let listed = document.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let strong = listed
        .iter()
        .filter(|key| is_strong(key))
        .filter_map(|key| serde_json::from_value::<CoreJsonWebKey>(without_certificates(key)).ok());
    JsonWebKeySet::new(strong.collect())
}

fn is_strong(key: &Value) -> bool {
    let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("use") == "enc" {
        return false;
    }
    match text("kty") {
        "RSA" => URL_SAFE_NO_PAD.decode(text("n")).is_ok_and(|modulus| modulus_bits(&modulus) >= 2048),
        "EC" => matches!(text("crv"), "P-256" | "P-384"),
        "OKP" => text("crv") == "Ed25519",
        _ => false,
    }
}

fn modulus_bits(modulus: &[u8]) -> usize {
    let leading = modulus.iter().take_while(|byte| **byte == 0).count();
    let significant = &modulus[leading..];
    significant.len() * 8 - significant.first().map_or(0, |byte| byte.leading_zeros() as usize)
}

/// A bad thumbprint or certificate beside a good key must not hide the key.
fn without_certificates(key: &Value) -> Value {
    let mut key = key.clone();
    if let Some(members) = key.as_object_mut() {
        members.retain(|name, _| !name.starts_with("x5") && name != "key_ops");
    }
    key
}
