//! Whether the processes that hold leases live, as far as this one can tell. Reads their locks, and remembers for how
//! long one has been gone; what follows from it is not decided here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Broker;
use crate::db::presence;

/// Who holds a lease that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// It lives, or nothing is known of it.
    Answers,
    /// It holds its lock and says nothing: it is stopped, or cut off.
    Silent,
    /// It has ended, or has lost its lock. A call of it may still be under way.
    Gone,
    /// It has been gone for longer than a call of it can have lasted.
    LongGone,
}

/// A process that said nothing for so long is silent: longer than it takes its own lock for confirmed.
const SILENT: Duration = Duration::from_secs(3);
/// How long what was seen is good enough.
const FRESH: Duration = Duration::from_millis(100);
/// Between two looks that are further apart it may have come back.
const UNBROKEN: Duration = Duration::from_secs(1);
/// Beside a call's deadline: to notice that its lock is lost, and to store what the call brought.
const BESIDE_CALL: Duration = Duration::from_secs(5);
/// What was not looked at for so long is forgotten.
const REMEMBERED: Duration = Duration::from_mins(1);

/// What was seen of other processes.
#[derive(Debug, Default)]
pub struct Holders {
    seen: Mutex<HashMap<i64, Seen>>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Instant,
    /// None when it is gone.
    silent_for: Option<Duration>,
    gone_since: Option<Instant>,
}

impl Seen {
    /// What is seen now, after what was seen before.
    fn next(before: Option<Self>, silent_for: Option<Duration>, at: Instant) -> Self {
        let unbroken = before.filter(|before| at.duration_since(before.at) <= UNBROKEN);
        let since = unbroken.and_then(|before| before.gone_since).unwrap_or(at);
        Self { at, silent_for, gone_since: silent_for.is_none().then_some(since) }
    }

    fn holder(self, deadline: Duration) -> Holder {
        match (self.silent_for, self.gone_since) {
            (Some(silent), _) if silent < SILENT => Holder::Answers,
            (Some(_), _) => Holder::Silent,
            (None, Some(since)) if self.at.duration_since(since) > deadline + BESIDE_CALL => Holder::LongGone,
            (None, _) => Holder::Gone,
        }
    }
}

/// Looks at the holder of a lease, by the number of its lock. Nothing is known of one without a number, nor while the
/// database does not answer.
pub async fn look(broker: &Broker, number: Option<i64>) -> Holder {
    let Some(number) = number.filter(|number| Some(*number) != broker.replica.number()) else {
        return Holder::Answers;
    };
    let deadline = Duration::from_secs(broker.config.outbound.deadline_seconds);
    let holders = &broker.replica.holders;
    let fresh = holders.with(|seen| seen.get(&number).copied()).filter(|seen| seen.at.elapsed() < FRESH);
    if let Some(seen) = fresh {
        return seen.holder(deadline);
    }
    let Ok(silent_for) = presence::silent_for(&broker.db, number).await else { return Holder::Answers };
    let at = Instant::now();
    let seen = holders.with(|all| {
        all.retain(|_, seen| at.duration_since(seen.at) < REMEMBERED);
        let seen = Seen::next(all.get(&number).copied(), silent_for, at);
        all.insert(number, seen);
        seen
    });
    seen.holder(deadline)
}

impl Holders {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<i64, Seen>) -> T) -> T {
        work(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    /// Looks every half a second, and after `pause` once more.
    fn gone_for(seconds: u64, pause: Duration) -> Holder {
        let began = Instant::now();
        let mut seen = Seen::next(None, None, began);
        for half in 1..=2 * seconds {
            seen = Seen::next(Some(seen), None, began + Duration::from_millis(500 * half));
        }
        Seen::next(Some(seen), None, seen.at + pause).holder(DEADLINE)
    }

    #[test]
    fn a_process_is_long_gone_when_no_call_of_it_can_be_under_way_and_it_was_not_seen_again_meanwhile() {
        let soon = Duration::from_millis(500);
        assert_eq!(gone_for(0, soon), Holder::Gone);
        assert_eq!(gone_for(14, soon), Holder::Gone);
        assert_eq!(gone_for(15, soon), Holder::LongGone);
        assert_eq!(gone_for(15, Duration::from_secs(5)), Holder::Gone, "it may have been back");
        let began = Instant::now();
        let gone = Seen::next(None, None, began);
        let back = Seen::next(Some(gone), Some(Duration::ZERO), began + soon);
        assert_eq!(back.holder(DEADLINE), Holder::Answers);
        let gone = Seen::next(Some(back), None, began + 2 * soon);
        assert_eq!(gone.gone_since, Some(began + 2 * soon));
    }

    #[test]
    fn a_process_that_holds_its_lock_and_says_nothing_is_silent() {
        let seen = |silent| Seen::next(None, Some(silent), Instant::now()).holder(DEADLINE);
        assert_eq!(seen(Duration::from_millis(2900)), Holder::Answers);
        assert_eq!(seen(Duration::from_secs(3)), Holder::Silent);
        assert_eq!(seen(Duration::from_hours(1)), Holder::Silent);
    }
}
