//! Refreshes before anybody has to wait for them: of connections in use, when 60 to 80 % of their token's life are over;
//! of others, only where the issuer ends what is not used, or where a lost answer left a doubt. Finds what is due and
//! begins flights within the issuer's early places; refreshes nothing itself.

pub(super) mod store;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::{SealedTokens, allow, flight, held};
use crate::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::issuer::calls::Call;

/// Seconds after which a token of which the issuer does not say how long it lives is looked at.
const UNKNOWN_LIFE: i64 = 86_400;
/// Of an issuer's idle time, what an unused connection lets pass: four fifths.
const IDLE_PER_MILLE: i64 = 800;
/// How often it is looked for what is due, while nothing is, or no place comes free.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What came of one look at what is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Refreshes that were begun.
    pub begun: usize,
    /// Whether there may be more than there were places for.
    pub more: bool,
}

/// When tokens that are stored now are due. Where between 60 and 80 % of their life follows from the connection and its
/// generation, so that what was connected together is not refreshed together.
#[must_use]
pub fn due_at(id: &str, generation: i64, tokens: &SealedTokens, now: Timestamp) -> Option<Timestamp> {
    tokens.refresh_token.as_ref()?;
    let Some(expires) = tokens.access_expires_at else { return Some(now.plus(UNKNOWN_LIFE)) };
    let mut hasher = DefaultHasher::new();
    (id, generation).hash(&mut hasher);
    let per_mille = 600 + i64::try_from(hasher.finish() % 201).unwrap_or_default();
    Some(now.plus(expires.seconds_from(now).max(0).saturating_mul(per_mille) / 1000))
}

/// Begins refreshes of what is due, until the server drains.
pub async fn run(app: App) {
    loop {
        let look = begin_due(&app).await.unwrap_or_else(|error| {
            tracing::error!(%error, "it could not be found out what is to be refreshed; nothing is lost");
            Look::default()
        });
        let next = async {
            if look.more {
                let _ = tokio::time::timeout(LOOK_EVERY, app.issuers.calls.freed()).await;
            } else {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            () = app.draining.cancelled() => return,
            () = next => {}
        }
    }
}

/// Begins as many as the issuers have places for, each in a task of its own.
///
/// # Errors
/// When the database does not answer.
pub async fn begin_due(app: &App) -> Result<Look, Error> {
    let now = app.clock.now();
    let mut look = Look::default();
    for app_id in store::apps_with_due(&app.db, now).await? {
        let Some(third_party) = crate::app::by_id(app, &app_id).await? else { continue };
        let issuer = &third_party.issuer;
        let mut places: Vec<Call> = std::iter::from_fn(|| app.issuers.calls.enter_early(issuer)).collect();
        if places.is_empty() {
            look.more = true;
            continue;
        }
        let idle = issuer.profile.refresh_idle_seconds.map(|idle| i64::from(idle) * IDLE_PER_MILLE / 1000);
        let claimed = store::claim(&app.db, &app_id, places.len(), idle, now).await?;
        look.more |= claimed.len() == places.len();
        for due in claimed {
            let Some(place) = due.wanted.then(|| places.pop()).flatten() else { continue };
            look.begun += usize::from(begin(app, &due.id, place).await?);
        }
    }
    Ok(look)
}

/// False when it is not to be used, so that its refresh token must not be spent.
async fn begin(app: &App, id: &str, place: Call) -> Result<bool, Error> {
    let Some(connection) = held::by_id(app, id).await? else { return Ok(false) };
    match allow::refuse_frozen(app, &connection).await {
        Ok(()) => {}
        Err(Error::Frozen | Error::ConnectionNotFound) => return Ok(false),
        Err(error) => return Err(error),
    }
    flight::begin(app, &connection, place);
    Ok(true)
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
            granted_scopes: Scopes::lenient(""),
        };
        let due = |id: usize| due_at(&format!("Et{id}"), 1, &tokens, now).map(|at| at.seconds_from(now));
        let all: Vec<i64> = (0..1000).filter_map(due).collect();
        assert!(all.iter().all(|seconds| (6000..=8000).contains(seconds)), "{all:?}");
        let early = all.iter().filter(|seconds| **seconds < 7000).count();
        assert!((350..650).contains(&early), "{early} of a thousand in the first half");
        let kept = SealedTokens { refresh_token: None, ..tokens };
        assert_eq!(due_at("Et1", 1, &kept, now), None);
    }
}
