//! How much is being worked on at one time, and when it is enough. A request holds a place while it is served;
//! whoever waits for somebody else's server, or for the client itself, gives the place back meanwhile. Knows no HTTP.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// For each place, so many requests may wait for somebody else's server: that costs memory only, but not none.
const WAITING_PER_PLACE: usize = 16;
/// And so many for the same one: an issuer that hangs leaves room to wait for the others.
const WAITING_FOR_ONE_PER_PLACE: usize = 4;

tokio::task_local! {
    static PERMIT: Permit;
}

/// The places of a process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Load {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    places: usize,
    working: AtomicUsize,
    waiting: AtomicUsize,
    /// Not capped: else one client that opens many slow requests would turn away all others.
    receiving: AtomicUsize,
    /// Those who wait, by whom they wait for.
    waiting_for: Mutex<HashMap<String, usize>>,
}

/// What a request is doing.
#[derive(Clone, Copy, Debug)]
enum Doing {
    Working,
    /// It waits for an issuer or a content platform.
    Waiting,
    /// It waits for its own client to send the body.
    Receiving,
}

impl Counts {
    const fn of(&self, doing: Doing) -> &AtomicUsize {
        match doing {
            Doing::Working => &self.working,
            Doing::Waiting => &self.waiting,
            Doing::Receiving => &self.receiving,
        }
    }

    fn by_whom(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.waiting_for.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts somebody who wants to wait, unless as many do already as may.
    fn wait_for(self: &Arc<Self>, whom: &str) -> Result<Counted, Crowded> {
        let mut by_whom = self.by_whom();
        let all = self.waiting.load(Relaxed);
        let same = by_whom.get(whom).copied().unwrap_or_default();
        if all >= self.places.saturating_mul(WAITING_PER_PLACE)
            || same >= self.places.saturating_mul(WAITING_FOR_ONE_PER_PLACE)
        {
            return Err(Crowded);
        }
        by_whom.insert(whom.to_owned(), same + 1);
        Ok(Counted { counts: Arc::clone(self), whom: whom.to_owned() })
    }
}

/// As many wait for this already as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowded;

/// One of those who wait for somebody.
#[derive(Debug)]
struct Counted {
    counts: Arc<Counts>,
    whom: String,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut by_whom = self.counts.by_whom();
        let left = by_whom.get(&self.whom).copied().unwrap_or_default().saturating_sub(1);
        match by_whom.get_mut(&self.whom) {
            Some(count) if left > 0 => *count = left,
            _ => drop(by_whom.remove(&self.whom)),
        }
    }
}

impl Load {
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self { counts: Arc::new(Counts { places, ..Counts::default() }) }
    }

    /// None when everything is taken: whoever comes now is told to come back, rather than slow down all the others.
    #[must_use]
    pub fn enter(&self) -> Option<Permit> {
        // Counted before it is judged, so that no two take the last place; a refusal's own count ends with `permit`.
        let others = self.counts.working.fetch_add(1, Relaxed);
        let permit = Permit {
            counts: Arc::clone(&self.counts),
            doing: Cell::new(Doing::Working),
            waits: Cell::new(0),
        };
        // Those who wait are not looked at: an issuer that hangs is no reason to turn anybody else away.
        (others < self.counts.places).then_some(permit)
    }

    /// Requests that are worked on now.
    #[must_use]
    pub fn working_now(&self) -> usize {
        self.counts.working.load(Relaxed)
    }

    /// Requests that wait for somebody else's server now.
    #[must_use]
    pub fn waiting_now(&self) -> usize {
        self.counts.waiting.load(Relaxed)
    }

    /// Requests whose body is waited for now.
    #[must_use]
    pub fn receiving_now(&self) -> usize {
        self.counts.receiving.load(Relaxed)
    }
}

/// A request's hold of one place, given back when it is dropped.
#[derive(Debug)]
pub struct Permit {
    counts: Arc<Counts>,
    doing: Cell<Doing>,
    /// How many waits are open; several when one request asks for several things at once.
    waits: Cell<usize>,
}

impl Permit {
    /// Serves a request in this place.
    pub async fn serve<F: Future>(self, request: F) -> F::Output {
        PERMIT.scope(self, request).await
    }

    fn turn_to(&self, doing: Doing) {
        let before = self.doing.replace(doing);
        self.counts.of(before).fetch_sub(1, Relaxed);
        self.counts.of(doing).fetch_add(1, Relaxed);
    }

    fn leave(&self, doing: Doing) {
        self.waits.set(self.waits.get() + 1);
        if self.waits.get() == 1 {
            self.turn_to(doing);
        }
    }

    /// Back without being asked whether there is room: what was begun is brought to its end.
    fn come_back(&self) {
        let open = self.waits.get();
        self.waits.set(open.saturating_sub(1));
        if open == 1 {
            self.turn_to(Doing::Working);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.counts.of(self.doing.get()).fetch_sub(1, Relaxed);
    }
}

/// A wait for somebody else; it ends when this is dropped, in the task that began it.
#[derive(Debug)]
#[must_use = "the wait ends when this is dropped"]
pub struct Waiting {
    left: bool,
    _counted: Option<Counted>,
}

/// To be held while the request of this task waits for an issuer or a content platform, or for another task that does:
/// that is no work of ours, so it takes no place. In a task that serves no request it does nothing. Calls through
/// [`crate::issuer::http`] do it themselves.
///
/// ```text
/// let _waiting = load::waiting_for(&issuer.external_name())?;
/// landed.wait_for(|landed| *landed).await
/// ```
///
/// # Errors
/// [`Crowded`]: whoever comes now is told to come back.
pub fn waiting_for(whom: &str) -> Result<Waiting, Crowded> {
    let Ok(counted) = PERMIT.try_with(|permit| permit.counts.wait_for(whom)) else {
        return Ok(Waiting { left: false, _counted: None });
    };
    let counted = counted?;
    Ok(Waiting {
        left: PERMIT.try_with(|permit| permit.leave(Doing::Waiting)).is_ok(),
        _counted: Some(counted),
    })
}

/// While the request of this task waits for its own client.
pub fn receiving() -> Waiting {
    Waiting { left: PERMIT.try_with(|permit| permit.leave(Doing::Receiving)).is_ok(), _counted: None }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.left {
            // A wait that was carried to another task ends with its own request's place.
            let _ = PERMIT.try_with(Permit::come_back);
        }
    }
}
