//! The protocol toward issuers (authorization servers): discovery, the authorization URL, code, refresh,
//! revocation, ID tokens, userinfo, and the probe of an issuer's habits. Knows no database and no axum.

pub mod access_token;
pub mod address;
pub mod authorization_server;
pub mod authorize;
pub mod blot;
pub mod callback;
pub mod calls;
mod circuit;
pub mod client;
pub mod code;
pub mod deadline;
pub mod discovery;
pub mod egress;
pub mod error_word;
pub mod fault;
pub mod grants;
pub mod http;
pub mod id_token;
pub mod identity;
pub mod jwt;
pub mod key_set;
pub mod last_good;
pub mod look_up;
mod metadata;
pub mod preset;
pub mod probe;
pub mod profile;
pub mod refresh;
pub mod revoke;
pub mod scope;
pub mod token_answer;
pub mod token_request;
pub mod token_set;
pub mod transcript;
pub mod userinfo;

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use crate::cache::Cache;
use crate::clock::Clock;
use discovery::Known;

pub use authorization_server::{ExplicitUrls, Issuer, SaidUrls, Whereabouts};
pub use client::{Client, ClientAuth};
pub use fault::IssuerFault;

/// What we know of all issuers at run time: the HTTP client and the last good copies of their metadata. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Issuers(Arc<Shared>);

/// What all clones of [`Issuers`] share.
#[derive(Debug)]
pub struct Shared {
    pub http: http::Http,
    pub clock: Clock,
    pub calls: calls::Calls,
    known: Mutex<HashMap<String, Arc<Known>>>,
    found: look_up::Found,
    /// By issuer.
    management_tokens: Mutex<HashMap<String, grants::Held>>,
    /// Access tokens that were verified before.
    pub(crate) believed: Cache<access_token::Believed>,
}

impl Deref for Issuers {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Issuers {
    #[must_use]
    pub fn new(http: http::Http, clock: Clock) -> Self {
        let believed = Cache::new(access_token::MEMORY, access_token::USUAL);
        let calls = calls::Calls::new(clock.clone());
        Self(Arc::new(Shared {
            http,
            clock,
            calls,
            known: Mutex::default(),
            found: look_up::Found::default(),
            management_tokens: Mutex::default(),
            believed,
        }))
    }
}

impl Shared {
    fn management_token(&self, key: &str) -> Option<grants::Held> {
        let held = self.management_tokens.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        held.get(key).cloned()
    }

    fn hold_management_token(&self, key: &str, token: Option<grants::Held>) {
        let mut held = self.management_tokens.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match token {
            Some(token) => drop(held.insert(key.to_owned(), token)),
            None => drop(held.remove(key)),
        }
    }

    /// One issuer's copies, each behind locks of its own, so that a hung issuer delays no other.
    fn known(&self, name: &str) -> Arc<Known> {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(known.entry(name.to_owned()).or_default())
    }
}
