//! Where counts are kept: one for each while there is room, and beyond that each shares one with others, by chance. So
//! memory is bounded, and still nobody goes uncounted. Knows not what is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use dashmap::DashMap;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};

/// Those that have a count of their own, at the most.
pub const OWN: usize = 65_536;
/// The counts that all others share.
const SHARED: usize = 1024;

/// Cheap to clone. Keys are hashes already.
#[derive(Clone, Debug)]
pub struct Buckets(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    own: DashMap<u64, InMemoryState>,
    /// How many of them there are: the table would have to add up its parts at each question.
    taken: AtomicUsize,
    shared: Box<[InMemoryState]>,
}

impl Default for Buckets {
    fn default() -> Self {
        let shared = std::iter::repeat_with(InMemoryState::default).take(SHARED).collect();
        Self(Arc::new(Counts { own: DashMap::new(), taken: AtomicUsize::new(0), shared }))
    }
}

impl Buckets {
    /// What is written for this key, by whomever; writes nothing.
    pub fn read(&self, key: u64) -> Option<Nanos> {
        match self.0.own.get(&key) {
            Some(own) => read(&own),
            None if self.is_full() => read(self.shared(key)),
            None => None,
        }
    }

    /// Gives up the counts of whoever is as good as new: nothing later than `now` is written for them.
    pub fn sweep(&self, now: Nanos) {
        self.0.own.retain(|_, count| read(count).is_some_and(|written| written > now));
        self.0.own.shrink_to_fit();
        self.0.taken.store(self.0.own.len(), Relaxed);
    }

    fn is_full(&self) -> bool {
        self.0.taken.load(Relaxed) >= OWN
    }

    fn shared(&self, key: u64) -> &InMemoryState {
        let place = usize::try_from(key % SHARED as u64).unwrap_or_default();
        &self.0.shared[place]
    }
}

impl StateStore for Buckets {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, judge: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        if let Some(own) = self.0.own.get(key) {
            return own.measure_and_replace(&NotKeyed::NonKey, judge);
        }
        if self.is_full() {
            return self.shared(*key).measure_and_replace(&NotKeyed::NonKey, judge);
        }
        let own = self.0.own.entry(*key).or_insert_with(|| {
            self.0.taken.fetch_add(1, Relaxed);
            InMemoryState::default()
        });
        own.measure_and_replace(&NotKeyed::NonKey, judge)
    }
}

fn read(count: &InMemoryState) -> Option<Nanos> {
    // To refuse is to write nothing.
    count.measure_and_replace(&NotKeyed::NonKey, Err::<((), Nanos), _>).err().flatten()
}
