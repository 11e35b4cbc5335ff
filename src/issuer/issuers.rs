//! What the process keeps of all issuers: the HTTP client, the calls under way, and what was fetched or verified before.
//! Asks nobody. How long something is good is said where it is fetched.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use url::Url;

use super::asked_before::{self, AskedBefore};
use super::calls::Calls;
use super::endpoints::Endpoints;
use super::http::Http;
use super::key_set::KeySet;
use super::last_good::LastGood;
use super::verified_before::{MEMORY, USUAL, VerifiedBefore};
use crate::cache::Cache;
use crate::clock::{Clock, Timestamp};
use crate::secret::Token;

/// What we know of all issuers at run time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Issuers(Arc<Shared>);

/// What all clones of [`Issuers`] share.
#[derive(Debug)]
pub struct Shared {
    pub http: Http,
    pub clock: Clock,
    pub calls: Calls,
    /// By the issuer's external name.
    copies: Mutex<HashMap<String, Arc<Copies>>>,
    /// By token address: where an issuer that is given by its addresses revokes, if it does.
    revocation_endpoints: Mutex<HashMap<String, LastGood<Option<Url>>>>,
    /// By the issuer's key.
    management_tokens: Mutex<HashMap<String, ManagementToken>>,
    pub(super) verified: Cache<VerifiedBefore>,
    pub(super) introspected: Cache<AskedBefore>,
}

/// The last good copies of what one issuer publishes.
#[derive(Debug, Default)]
pub(super) struct Copies {
    pub endpoints: LastGood<Endpoints>,
    pub keys: LastGood<KeySet>,
    /// When a search for another key was last in vain.
    pub keys_missed_at: Mutex<Option<Timestamp>>,
}

/// A management token in memory, until it ends. Each one that is asked for counts against the tenant's quota.
#[derive(Clone, Debug)]
pub(super) struct ManagementToken {
    pub token: Token,
    pub until: Timestamp,
}

impl Deref for Issuers {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Issuers {
    #[must_use]
    pub fn new(http: Http, clock: Clock) -> Self {
        let calls = Calls::new(clock.clone());
        Self(Arc::new(Shared {
            http,
            clock,
            calls,
            copies: Mutex::default(),
            revocation_endpoints: Mutex::default(),
            management_tokens: Mutex::default(),
            verified: Cache::new(MEMORY, USUAL),
            introspected: Cache::new(asked_before::MEMORY, asked_before::USUAL),
        }))
    }
}

impl Shared {
    /// One issuer's copies, each behind locks of its own, so that a hung issuer delays no other.
    pub(super) fn copies(&self, name: &str) -> Arc<Copies> {
        Arc::clone(locked(&self.copies).entry(name.to_owned()).or_default())
    }

    /// What was found out for this token address.
    pub(super) fn revocation_endpoint(&self, token: &Url) -> LastGood<Option<Url>> {
        locked(&self.revocation_endpoints).entry(token.to_string()).or_default().clone()
    }

    pub(super) fn management_token(&self, key: &str) -> Option<ManagementToken> {
        locked(&self.management_tokens).get(key).cloned()
    }

    pub(super) fn hold_management_token(&self, key: &str, token: Option<ManagementToken>) {
        let mut held = locked(&self.management_tokens);
        match token {
            Some(token) => drop(held.insert(key.to_owned(), token)),
            None => drop(held.remove(key)),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
