//! Recognises a content token that was minted here: by its signature, or because that was verified a short while ago. Asks
//! no database, and says nothing about what became of the token since.

use std::sync::Arc;

use super::issued_token::IssuedToken;
use super::signing_key::ACCESS_TOKEN;
use crate::Broker;
use crate::cache::Cache;
use crate::secret::{Token, TokenHash};

/// Bytes of memory for what was verified before, and for one of them.
const MEMORY: u64 = 16 * 1024 * 1024;
const USUAL: u64 = 2048;

/// Tokens whose signature was verified, by their hash.
#[derive(Debug)]
pub struct Recognised(Cache<IssuedToken>);

impl Default for Recognised {
    fn default() -> Self {
        Self(Cache::new(MEMORY, USUAL))
    }
}

/// A token that was read. What it says may be looked for, and is not to be believed.
pub struct Shown {
    hash: TokenHash,
    token: Arc<IssuedToken>,
    is_verified: bool,
}

/// None for what has not the form of a token of ours.
#[must_use]
pub fn read(broker: &Broker, token: &Token) -> Option<Shown> {
    let hash = token.hash();
    if let Some(token) = broker.recognised.0.find(hash.as_str()) {
        return Some(Shown { hash, token, is_verified: true });
    }
    let token = Arc::new(IssuedToken::parse(token.expose())?);
    Some(Shown { hash, token, is_verified: false })
}

impl Shown {
    #[must_use]
    pub fn unverified(&self) -> &IssuedToken {
        &self.token
    }

    /// What the token says, if we have signed it with a key that is still published.
    #[must_use]
    pub fn verified(self, broker: &Broker, token: &Token) -> Option<Arc<IssuedToken>> {
        let Self { hash, token: said, is_verified } = self;
        if is_verified {
            // The key may have been withdrawn since.
            return broker.signing_keys.publishes(&said.kid).then_some(said);
        }
        let signed = broker.signing_keys.verify(token)?;
        if said.issuer != broker.issuer_identifier() || signed.typ != ACCESS_TOKEN {
            return None;
        }
        broker.recognised.0.keep(hash.as_str(), Arc::clone(&said));
        Some(said)
    }
}
