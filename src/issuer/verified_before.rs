//! Access tokens that were verified a short while ago, so that it need not be done again. Verifies none.

use std::sync::Arc;

use super::claims::Claims;
use crate::cache::Weigh;
use crate::clock::Timestamp;
use crate::secret::Token;

/// An access token that may be believed.
#[derive(Clone, Debug)]
pub struct AccessTokenClaims {
    pub claims: Claims,
    pub subject: String,
    /// None when the token does not say.
    pub issued_at: Option<Timestamp>,
    pub expires_at: Timestamp,
}

/// One that was verified before, and until when that need not be done again.
#[derive(Debug)]
pub struct VerifiedBefore {
    pub(super) claims: Arc<AccessTokenClaims>,
    pub(super) until: Timestamp,
    weight: u64,
}

impl Weigh for VerifiedBefore {
    fn weight(&self) -> u64 {
        self.weight
    }
}

/// Bytes of memory for what was verified before, and for one of them.
pub(super) const MEMORY: u64 = 4 * 1024 * 1024;
pub(super) const USUAL: u64 = 2048;
/// Seconds after which a token is verified again all the same: its issuer may have withdrawn the key.
const BELIEVED_FOR: i64 = 600;

impl VerifiedBefore {
    /// By a verification that was done now.
    pub(super) fn new(token: &Token, claims: AccessTokenClaims, now: Timestamp) -> Self {
        let until = claims.expires_at.min(now.plus(BELIEVED_FOR));
        // The claims are about as long as the token that they come from, with what a map adds.
        let weight = 500 + 3 * token.expose().len() as u64;
        Self { claims: Arc::new(claims), until, weight }
    }
}
