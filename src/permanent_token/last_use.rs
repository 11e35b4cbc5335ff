//! When each permanent token was last used: kept in this process, and told to the database now and then, so that no
//! question waits for a write. What was not told yet is lost with the process.

use dashmap::DashMap;

use super::store;
use crate::Broker;
use crate::clock::Timestamp;
use crate::error::Error;

/// Seconds between two tellings of the same.
const GRAIN: i64 = 60;

/// The uses of this process, by id.
#[derive(Debug, Default)]
pub struct LastUses(DashMap<String, Uses>);

#[derive(Clone, Copy, Debug)]
struct Uses {
    last: Timestamp,
    told: Option<Timestamp>,
}

impl Uses {
    fn is_to_be_told(&self) -> bool {
        self.told.is_none_or(|told| told.plus(GRAIN) <= self.last)
    }
}

impl LastUses {
    pub(super) fn note(&self, id: &str, now: Timestamp) {
        // Within the same second there is nothing new.
        if self.0.get(id).is_some_and(|uses| uses.last >= now) {
            return;
        }
        match self.0.get_mut(id) {
            Some(mut uses) => uses.last = now,
            None => drop(self.0.insert(id.to_owned(), Uses { last: now, told: None })),
        }
    }
}

/// Tells the database. For the housekeeping.
///
/// # Errors
/// When the database does not answer; what was not told is told the next time.
pub async fn flush(broker: &Broker) -> Result<(), Error> {
    let due: Vec<(String, Timestamp)> = broker
        .permanent_token_uses
        .0
        .iter()
        .filter(|uses| uses.is_to_be_told())
        .map(|uses| (uses.key().clone(), uses.last))
        .collect();
    for (id, at) in due {
        store::tell_last_use(&broker.db, &id, at).await?;
        if let Some(mut uses) = broker.permanent_token_uses.0.get_mut(&id) {
            uses.told = Some(at);
        }
    }
    Ok(())
}
