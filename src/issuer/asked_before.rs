//! What an issuer said of an access token a few seconds ago, so that it need not be asked again. Asks nobody; see
//! [`super::introspect`].

use std::sync::Arc;

use serde_json::Value;

use super::claims::{self, Claims};
use crate::cache::Weigh;
use crate::clock::Timestamp;

/// Bytes of memory for what was asked before, and for one of them.
pub(super) const MEMORY: u64 = 1024 * 1024;
pub(super) const USUAL: u64 = 1024;
/// Seconds for which an answer is believed.
const ACTIVE_FOR: i64 = 5;
const INACTIVE_FOR: i64 = 10;

/// What an issuer says of an access token that is good now.
#[derive(Clone, Debug, PartialEq)]
pub struct Introspection {
    pub claims: Claims,
    pub client_id: String,
    pub subject: String,
    /// None when the answer does not say.
    pub issued_at: Option<Timestamp>,
}

/// An answer, and until when it is believed.
#[derive(Debug)]
pub(super) struct AskedBefore {
    /// None for a token that is good for nothing.
    pub(super) active: Option<Arc<Introspection>>,
    pub(super) until: Timestamp,
    weight: u64,
}

impl Weigh for AskedBefore {
    fn weight(&self) -> u64 {
        self.weight
    }
}

impl AskedBefore {
    /// By an answer that came now.
    pub(super) fn new(active: Option<Introspection>, now: Timestamp) -> Self {
        let ends =
            active.as_ref().and_then(|active| claims::numeric_date(&active.claims, "exp").ok().flatten());
        let until = match (&active, ends.map(Timestamp::from_unix)) {
            (None, _) => now.plus(INACTIVE_FOR),
            (Some(_), ends) => ends.map_or(now.plus(ACTIVE_FOR), |ends| ends.min(now.plus(ACTIVE_FOR))),
        };
        // A map takes a few times its text.
        let weight =
            active.as_ref().map_or(0, |active| 4 * Value::from(active.claims.clone()).to_string().len());
        Self { active: active.map(Arc::new), until, weight: 200 + weight as u64 }
    }
}
