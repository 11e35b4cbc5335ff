//! A caller as it is stored, and all of them as memory holds them. Looks nothing up.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::secret::TokenHash;

/// A workflow function or backend that has shown a live key.
#[derive(Clone, Debug)]
pub struct Caller {
    pub id: String,
    pub name: String,
    /// The key it came with.
    pub key_id: String,
}

/// Every active caller, by the hashes of its live keys, and the apps that each is allowed.
#[derive(Debug, Default)]
pub struct Callers {
    pub(super) by_key: HashMap<TokenHash, Arc<Caller>>,
    pub(super) apps: HashMap<String, HashSet<String>>,
}
