//! A key and its caller as they are stored, and all of them as memory holds them. Looks nothing up, and judges none.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::content::permission::Permissions;
use crate::secret::TokenHash;

/// A workflow function or backend that has shown a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub id: String,
    pub name: String,
    /// The key it came with.
    pub key_id: String,
}

/// An API key as it is stored, revoked or not, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub caller: Arc<Caller>,
    pub is_revoked: bool,
    pub caller_is_active: bool,
}

/// Every key by its hash, and what is stored of every caller.
#[derive(Debug, Default)]
pub struct Callers {
    pub(super) keys: HashMap<TokenHash, Arc<Key>>,
    pub(super) callers: HashMap<String, Stored>,
}

/// Whether a caller is active and has a key, and which apps it is allowed.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) is_active: bool,
    /// Whether any of its keys is not revoked.
    pub(super) has_a_key: bool,
    pub(super) apps: HashSet<String>,
    /// What it may do by itself, by the ids of environments.
    pub(super) permitted: HashMap<String, Permitted>,
}

/// What the operator lets a caller do by itself at an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Permitted {
    pub permissions: Arc<Permissions>,
    pub since: Timestamp,
    /// Whether a freeze covers the caller, or everything.
    pub is_frozen: bool,
    /// Whether the caller is active and has a live key.
    pub is_usable: bool,
}

impl Callers {
    pub(crate) fn key(&self, hash: &TokenHash) -> Option<Arc<Key>> {
        self.keys.get(hash).cloned()
    }

    pub(crate) fn is_active(&self, id: &str) -> bool {
        self.callers.get(id).is_some_and(|caller| caller.is_active)
    }

    pub(crate) fn has_a_key(&self, id: &str) -> bool {
        self.callers.get(id).is_some_and(|caller| caller.has_a_key)
    }

    pub(crate) fn permitted(&self, id: &str, environment_id: &str) -> Option<Permitted> {
        let caller = self.callers.get(id)?;
        let is_usable = caller.is_active && caller.has_a_key;
        caller.permitted.get(environment_id).map(|found| Permitted { is_usable, ..found.clone() })
    }

    pub(crate) fn is_allowed(&self, id: &str, app_id: &str) -> bool {
        self.callers.get(id).is_some_and(|caller| caller.apps.contains(app_id))
    }
}
