//! What happened, as seen from outside the processes: what callers asked and got, and what the adversary did.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use attache::clock::Clock;

/// By the clock that the issuer's book goes by too.
pub type Moment = Duration;

pub fn now() -> Moment {
    Clock::System.monotonic()
}

/// What a caller saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Token(String),
    /// The person must connect again; why.
    Reconnect(String),
    /// Another answer; its error word.
    Refused(String),
    /// The caller did not wait.
    HungUp,
    /// The process was not there, or died.
    NoAnswer,
}

/// One question of one caller.
#[derive(Clone, Debug)]
pub struct Ask {
    pub connection: usize,
    pub outcome: Outcome,
}

/// What the adversary did.
#[derive(Clone, Debug)]
pub enum Event {
    Kill {
        /// Which process of how many.
        who: String,
        at: Moment,
        /// The step at which it died, and whose refresh it was.
        step: Option<(String, String)>,
    },
    Pause {
        who: String,
        from: Moment,
        to: Moment,
        /// Longer than a lease.
        beyond: bool,
    },
    FullDisk,
    ClockJump,
    BackendsKilled,
    DatabaseRestarted,
}

#[derive(Debug, Default)]
pub struct History {
    events: Mutex<Vec<Event>>,
    asks: Mutex<Vec<Ask>>,
    faults: Mutex<Vec<String>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl History {
    pub fn did(&self, event: Event) {
        locked(&self.events).push(event);
    }

    pub fn asked(&self, ask: Ask) {
        locked(&self.asks).push(ask);
    }

    /// Something that must not happen.
    pub fn broken(&self, what: String) {
        eprintln!("  BROKEN: {what}");
        locked(&self.faults).push(what);
    }

    pub fn events(&self) -> Vec<Event> {
        locked(&self.events).clone()
    }

    pub fn take_asks(&self) -> Vec<Ask> {
        std::mem::take(&mut *locked(&self.asks))
    }

    pub fn faults(&self) -> Vec<String> {
        locked(&self.faults).clone()
    }

    /// How often a process died at this step so far.
    pub fn kills_at(&self, wanted: &str) -> usize {
        let at =
            |event: &&Event| matches!(event, Event::Kill { step: Some((step, _)), .. } if step == wanted);
        locked(&self.events).iter().filter(at).count()
    }
}
