//! What the process remembers of the ledger between writes: the last number, and hand-outs that are to be written.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use hashbrown::HashMap;

use super::counted::{Firsts, HandOutLine, Repeats};
use crate::clock::Timestamp;
use crate::secret::random_bytes;

/// What the process remembers between writes.
#[derive(Debug, Default)]
pub struct Ledger {
    last_seq: AtomicI64,
    pub(super) repeats: Mutex<HashMap<HandOutLine, Repeats>>,
    pub(super) firsts: Mutex<Firsts>,
}

impl Ledger {
    /// Orders entries by second, those of one process also within it. The rest is chance, which keeps replicas
    /// apart; whoever writes takes the next one should two meet all the same.
    pub(super) fn next_seq(&self, now: Timestamp) -> i64 {
        let chance = i64::from(u32::from_be_bytes(random_bytes::<4>()) >> 2);
        let candidate = first_seq(now).saturating_add(chance);
        let next = |last: i64| Some(candidate.max(last.saturating_add(1)));
        let last = self.last_seq.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).unwrap_or_default();
        candidate.max(last.saturating_add(1))
    }
}

/// The least number of an entry of this second.
pub(super) const fn first_seq(at: Timestamp) -> i64 {
    at.unix().saturating_mul(1 << 30)
}
