//! A content token as it is kept, and until when it is handed out again. Where it is sealed to is decided in
//! [`super::exchange`].

use crate::cache::Weigh;
use crate::clock::Timestamp;
use crate::vault::Sealed;

/// Seconds before its end at which a kept content token is not handed out again.
const MARGIN: i64 = 30;

/// A content token as it is kept, sealed, until shortly before its end.
#[derive(Clone, Debug)]
pub struct KeptToken {
    /// Where it is sealed to.
    pub id: String,
    pub token: Sealed,
    /// A hash of the permissions that it was made with; empty where the platform decides.
    pub permissions: String,
    pub expires_at: Timestamp,
}

impl KeptToken {
    /// Whether it may be handed out again at a moment.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at > now.plus(MARGIN)
    }
}

impl Weigh for KeptToken {
    fn weight(&self) -> u64 {
        (size_of::<Self>() + self.id.len() + self.token.0.len() + self.permissions.len() + 250) as u64
    }
}
