//! When each credential of a kind was last used: kept in this process, and told to the database now and then, so that no
//! question waits for a write. What was not told yet is lost with the process. Knows no table.

use dashmap::DashMap;

use crate::clock::Timestamp;

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
    pub fn note(&self, id: &str, now: Timestamp) {
        // Within the same second there is nothing new.
        if self.0.get(id).is_some_and(|uses| uses.last >= now) {
            return;
        }
        let entry = self.0.entry(id.to_owned());
        entry.and_modify(|uses| uses.last = now).or_insert(Uses { last: now, told: None });
    }

    /// Those that were not told lately.
    #[must_use]
    pub fn due(&self) -> Vec<(String, Timestamp)> {
        let due = self.0.iter().filter(|uses| uses.is_to_be_told());
        due.map(|uses| (uses.key().clone(), uses.last)).collect()
    }

    pub fn told(&self, id: &str, at: Timestamp) {
        if let Some(mut uses) = self.0.get_mut(id) {
            uses.told = Some(at);
        }
    }
}
