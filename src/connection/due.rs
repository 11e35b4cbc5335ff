//! How long tokens live, and when they are due to be refreshed. Reads no clock and no database.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::SealedTokens;
use crate::clock::Timestamp;

/// Seconds of life a token has at least, where the caller says nothing and the issuer allows it.
pub const DEFAULT_MIN_TTL: i64 = 60;
/// Seconds from one refresh of a connection to the next, whatever the issuer answers and whoever asks.
pub const BETWEEN_REFRESHES: i64 = 30;
/// Seconds after which a token of which the issuer does not say how long it lives is looked at.
pub const UNKNOWN_LIFE: i64 = 86_400;

/// When tokens that are stored now are due. Where between 60 and 80 % of their life follows from the connection and its
/// generation, so that what was connected together is not refreshed together. Without a refresh token, when they run out.
#[must_use]
pub fn due_at(id: &str, generation: i64, tokens: &SealedTokens, now: Timestamp) -> Option<Timestamp> {
    if tokens.refresh_token.is_none() {
        return tokens.access_expires_at;
    }
    let Some(expires) = tokens.access_expires_at else { return Some(now.plus(UNKNOWN_LIFE)) };
    let mut hasher = DefaultHasher::new();
    (id, generation).hash(&mut hasher);
    let per_mille = 600 + i64::try_from(hasher.finish() % 201).unwrap_or_default();
    let seconds = expires.seconds_from(now).max(0).saturating_mul(per_mille) / 1000;
    Some(now.plus(seconds.max(BETWEEN_REFRESHES)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::scope::Scopes;
    use crate::vault::Sealed;

    #[test]
    fn what_was_connected_together_is_due_between_three_and_four_fifths_of_its_life_and_not_together() {
        let now = Timestamp::from_unix(1_000_000);
        let tokens = SealedTokens {
            access_token: None,
            access_token_hash: None,
            access_expires_at: Some(now.plus(10_000)),
            refresh_token: Some(Sealed(String::new())),
            refresh_expires_at: None,
            token_type: None,
            granted_scopes: Scopes::lenient(""),
            flaw: None,
        };
        let due = |id: usize| due_at(&format!("Et{id}"), 1, &tokens, now).map(|at| at.seconds_from(now));
        let all: Vec<i64> = (0..1000).filter_map(due).collect();
        assert!(all.iter().all(|seconds| (6000..=8000).contains(seconds)), "{all:?}");
        let early = all.iter().filter(|seconds| **seconds < 7000).count();
        assert!((350..650).contains(&early), "{early} of a thousand in the first half");
        let kept = SealedTokens { refresh_token: None, ..tokens };
        assert_eq!(due_at("Et1", 1, &kept, now), Some(now.plus(10_000)));
    }
}
