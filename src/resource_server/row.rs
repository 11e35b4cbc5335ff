//! A resource server as it is stored, and all of them as memory holds them. Looks nothing up, and judges none.

use std::collections::HashMap;
use std::sync::Arc;

use crate::secret::TokenHash;

/// A credential of a content API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceServer {
    /// `rs_…`: its client id, and how its secret begins.
    pub id: String,
    /// The one that it may ask about.
    pub environment_id: String,
    pub is_revoked: bool,
}

/// Every resource server by the hash of its secret.
#[derive(Debug, Default)]
pub struct ResourceServers(pub(super) HashMap<TokenHash, Arc<ResourceServer>>);

impl ResourceServers {
    pub(super) fn by_secret(&self, hash: &TokenHash) -> Option<Arc<ResourceServer>> {
        self.0.get(hash).cloned()
    }
}
