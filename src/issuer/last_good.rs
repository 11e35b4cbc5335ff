//! Something that an issuer publishes: the last good copy of it, and how another one is had. One try is under way at a
//! time, in a task of its own, whoever asked for it and whether or not they still wait. Meanwhile the last good copy
//! serves; without one the others get the answer of that try. After a failure there is a pause. Knows nothing of what is
//! published.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tracing::Instrument;

use super::fault::IssuerFault;
use crate::clock::{Clock, Timestamp};
use crate::load;

/// Seconds after a failed try for which there is no other one, while a good copy serves.
pub const PAUSE: i64 = 30;
/// And while nobody can be served: long enough not to make a queue of deadlines.
pub const PAUSE_WITHOUT_COPY: i64 = 2;

/// What a try brought.
type Outcome<T> = Result<Arc<T>, IssuerFault>;

#[derive(Debug)]
pub struct LastGood<T>(Arc<Mutex<State<T>>>);

#[derive(Debug)]
struct State<T> {
    /// The copy, and when its try began.
    good: Option<(Arc<T>, Timestamp)>,
    /// Why the last try failed, and until when there is no other one.
    failed: Option<(IssuerFault, Timestamp)>,
    /// Those who wait for the try under way.
    trying: Option<watch::Sender<Option<Outcome<T>>>>,
}

/// Whose copy it is, and how long it is good.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    pub clock: &'a Clock,
    pub whom: &'a str,
    /// Seconds.
    pub fresh_for: i64,
}

impl<T> Clone for LastGood<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for LastGood<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { good: None, failed: None, trying: None })))
    }
}

impl<T> State<T> {
    fn good(&self) -> Option<Arc<T>> {
        self.good.as_ref().map(|(good, _)| Arc::clone(good))
    }

    fn fresh(&self, since: Timestamp) -> Option<Arc<T>> {
        self.good.as_ref().filter(|(_, begun_at)| *begun_at > since).map(|(good, _)| Arc::clone(good))
    }

    fn paused(&self, now: Timestamp) -> Option<IssuerFault> {
        self.failed.as_ref().filter(|(_, until)| *until > now).map(|(fault, _)| fault.clone())
    }
}

impl<T: Send + Sync + 'static> LastGood<T> {
    /// A copy that is fresh, if one can be had; else the last good one.
    ///
    /// # Errors
    /// When there is no good copy and none can be had.
    pub async fn get<F>(&self, terms: Terms<'_>, fetch: impl FnOnce() -> F) -> Outcome<T>
    where
        F: Future<Output = Result<T, IssuerFault>> + Send + 'static,
    {
        let now = terms.clock.now();
        let answer = {
            let mut state = self.state();
            if let Some(fresh) = state.fresh(now.plus(-terms.fresh_for)) {
                return Ok(fresh);
            }
            if let Some(fault) = state.paused(now) {
                return state.good().ok_or(fault);
            }
            match (&state.trying, state.good()) {
                (Some(_), Some(good)) => return Ok(good),
                (Some(trying), None) => trying.subscribe(),
                (None, _) => self.begin(&mut state, terms.clock, fetch()),
            }
        };
        wait(terms.whom, answer).await.or_else(|fault| self.last().ok_or(fault))
    }

    /// Another copy than `tried`, which was of no use. None when none can be had, or `may_try` says that it is too early to
    /// look.
    pub async fn other_than<F>(
        &self,
        tried: &Arc<T>,
        may_try: bool,
        terms: Terms<'_>,
        fetch: impl FnOnce() -> F,
    ) -> Option<Arc<T>>
    where
        F: Future<Output = Result<T, IssuerFault>> + Send + 'static,
    {
        let answer = {
            let mut state = self.state();
            // Somebody else's search has brought it.
            if let Some(other) = state.good().filter(|good| !Arc::ptr_eq(good, tried)) {
                return Some(other);
            }
            if !may_try || state.paused(terms.clock.now()).is_some() {
                return None;
            }
            match &state.trying {
                Some(trying) => trying.subscribe(),
                None => self.begin(&mut state, terms.clock, fetch()),
            }
        };
        wait(terms.whom, answer).await.ok()
    }

    /// The last good copy; asks nobody.
    #[must_use]
    pub fn last(&self) -> Option<Arc<T>> {
        self.state().good()
    }

    /// Why the last try failed, unless another one has succeeded since.
    #[must_use]
    pub fn trouble(&self) -> Option<IssuerFault> {
        self.state().failed.as_ref().map(|(fault, _)| fault.clone())
    }

    fn begin(
        &self,
        state: &mut State<T>,
        clock: &Clock,
        fetch: impl Future<Output = Result<T, IssuerFault>> + Send + 'static,
    ) -> watch::Receiver<Option<Outcome<T>>> {
        let (sender, answer) = watch::channel(None);
        state.trying = Some(sender);
        let landing = Landing { copy: self.clone(), clock: clock.clone(), began: clock.now(), outcome: None };
        let trying = async move { landing.with(fetch.await.map(Arc::new)) };
        tokio::spawn(trying.in_current_span());
        answer
    }
}

impl<T> LastGood<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In nobody's place: an issuer that hangs slows down only those who need it, and of those only so many wait.
async fn wait<T>(whom: &str, mut answer: watch::Receiver<Option<Outcome<T>>>) -> Outcome<T> {
    let _waiting = load::waiting_for(whom)?;
    let told = answer.wait_for(Option::is_some).await;
    told.ok().and_then(|outcome| outcome.clone()).unwrap_or_else(|| Err(given_up()))
}

fn given_up() -> IssuerFault {
    IssuerFault::Unanswered("the try was given up".to_owned())
}

/// Ends a try and tells those who wait, also when it panics.
struct Landing<T> {
    copy: LastGood<T>,
    clock: Clock,
    began: Timestamp,
    outcome: Option<Outcome<T>>,
}

impl<T> Landing<T> {
    fn with(mut self, outcome: Outcome<T>) {
        self.outcome = Some(outcome);
    }
}

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| Err(given_up()));
        let mut state = self.copy.state();
        match &outcome {
            Ok(good) => {
                state.good = Some((Arc::clone(good), self.began));
                state.failed = None;
            }
            Err(fault) => {
                let pause = if state.good.is_some() { PAUSE } else { PAUSE_WITHOUT_COPY };
                state.failed = Some((fault.clone(), self.clock.now().plus(pause)));
            }
        }
        if let Some(trying) = state.trying.take() {
            trying.send_replace(Some(outcome));
        }
    }
}
