//! A content token as it is kept. Where it is sealed to, and how long it is good, is decided in [`super::exchange`].

use crate::cache::Weigh;
use crate::clock::Timestamp;
use crate::vault::Sealed;

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
