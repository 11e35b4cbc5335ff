//! A permanent token as it is stored, whether it stands, and all of them as memory holds them. Looks nothing up.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::content::permission::Permissions;
use crate::secret::TokenHash;

/// What a permanent token gives, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermanentToken {
    /// `pt_…`, with which the token begins.
    pub id: String,
    /// For what it was made, in the operator's words.
    pub name: String,
    /// The one where it is good.
    pub environment_id: String,
    pub permissions: Permissions,
    /// Meant by a request that names no stage; None: the environment's.
    pub default_stage: Option<String>,
    pub made_at: Timestamp,
    /// None for never.
    pub expires_at: Option<Timestamp>,
    pub is_revoked: bool,
    /// Whether the environment is in use.
    pub has_environment: bool,
}

impl PermanentToken {
    /// Whether it is good at a moment.
    #[must_use]
    pub fn stands(&self, now: Timestamp) -> bool {
        !self.is_revoked && self.has_environment && self.expires_at.is_none_or(|ends| now < ends)
    }
}

/// Every permanent token by its hash.
#[derive(Debug, Default)]
pub struct PermanentTokens(pub(super) HashMap<TokenHash, Arc<PermanentToken>>);

impl PermanentTokens {
    pub(super) fn by_hash(&self, hash: &TokenHash) -> Option<Arc<PermanentToken>> {
        self.0.get(hash).cloned()
    }
}
