//! A resource server as it is stored, and all of them as memory holds them. Looks nothing up, and judges none.

use std::collections::HashMap;
use std::sync::Arc;

use crate::secret::TokenHash;

/// A credential of a content API, or of what is behind pages of the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceServer {
    /// `rs_…`: its client id, and how its secret begins.
    pub id: String,
    pub protects: Protects,
    pub is_revoked: bool,
}

/// What it may ask about, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protects {
    /// Content tokens of the environment of this id.
    Environment(String),
    /// Session tokens of pages of this origin.
    Origin(String),
}

impl Protects {
    #[must_use]
    pub fn environment_id(&self) -> Option<&str> {
        if let Self::Environment(id) = self { Some(id) } else { None }
    }

    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        if let Self::Origin(origin) = self { Some(origin) } else { None }
    }
}

/// Every resource server by the hash of its secret.
#[derive(Debug, Default)]
pub struct ResourceServers(pub(super) HashMap<TokenHash, Arc<ResourceServer>>);

impl ResourceServers {
    pub(super) fn by_secret(&self, hash: &TokenHash) -> Option<Arc<ResourceServer>> {
        self.0.get(hash).cloned()
    }
}
