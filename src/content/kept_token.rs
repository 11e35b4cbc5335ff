//! A content token as it is kept, and where it is sealed to. How long it is good is decided in [`super::exchange`].

use crate::cache::Weigh;
use crate::clock::Timestamp;
use crate::connection::seal::Binding;
use crate::vault::{Place, Sealed};

/// A content token as it is kept, sealed, until shortly before its end.
#[derive(Clone, Debug)]
pub struct KeptToken {
    /// Where it is sealed to.
    pub id: String,
    pub token: Sealed,
    pub expires_at: Timestamp,
}

impl Weigh for KeptToken {
    fn weight(&self) -> u64 {
        (size_of::<Self>() + self.id.len() + self.token.0.len() + 250) as u64
    }
}

/// Where a content token lives.
pub(super) fn place(id: &str, of: Binding<'_>) -> Place {
    Place::new("content_tokens", "token", id, &[of.connection_id, of.account_id, of.app_id])
}
