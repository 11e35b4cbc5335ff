//! A sign-in that is under way. Its browser keeps it, as a text of ours that is sealed there; here is kept only which of them
//! were used, each until its time is over. So whoever begins sign-ins and ends none leaves nothing behind.

use serde::{Deserialize, Serialize};

use super::store;
use crate::Broker;
use crate::clock::Timestamp;
use crate::db;
use crate::error::Error;
use crate::secret::{Token, TokenHash, exposed};

/// Seconds a person has to sign in.
pub const LIFETIME: i64 = 600;

/// Known by the hash of its `state`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// The identifier of the issuer that was asked.
    pub issuer: String,
    #[serde(with = "exposed")]
    pub verifier: Token,
    #[serde(with = "exposed")]
    pub nonce: Token,
    /// A path of ours.
    pub return_to: String,
    expires_at: i64,
}

impl Attempt {
    #[must_use]
    pub fn begin(issuer: &str, return_to: &str, now: Timestamp) -> Self {
        Self {
            issuer: issuer.to_owned(),
            verifier: Token::random(),
            nonce: Token::random(),
            return_to: return_to.to_owned(),
            expires_at: now.plus(LIFETIME).unix(),
        }
    }

    /// One that a browser kept, while there is still time.
    #[must_use]
    pub fn read(kept: &Token, now: Timestamp) -> Option<Self> {
        let attempt: Self = serde_json::from_str(kept.expose()).ok()?;
        (attempt.expires_at > now.unix()).then_some(attempt)
    }

    /// # Errors
    /// When it cannot be written down.
    pub fn write(&self) -> Result<Token, Error> {
        let text = serde_json::to_string(self).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Token::new(text))
    }

    /// In Unix seconds.
    #[must_use]
    pub const fn expires_at(&self) -> i64 {
        self.expires_at
    }

    /// Uses it up. False when it was used before.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when as many were used lately as are remembered; when the database does not answer.
    pub(super) async fn use_up(&self, broker: &Broker, state: &TokenHash) -> Result<bool, Error> {
        let now = broker.clock.now();
        store::sweep(&broker.db, now).await?;
        match store::use_up(&broker.db, state, Timestamp::from_unix(self.expires_at)).await? {
            store::Used::Now => Ok(true),
            store::Used::Before => Ok(false),
            store::Used::TooMany => Err(Error::Overloaded),
        }
    }
}

/// Forgets used sign-ins whose time is over.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(broker: &Broker) -> Result<(), db::Error> {
    store::sweep(&broker.db, broker.clock.now()).await
}
