//! The calls that are made to an issuer at one time: so many places, half of them for refreshes that nobody waits for
//! yet; a circuit that leaves a failing issuer alone; and a budget for asking the same thing twice. Each issuer has
//! its own, so that one that hangs slows no other down. Makes no call itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::authorization_server::Issuer;
use super::circuit::{Admission, Circuit, Health, LONGEST_PAUSE};
use super::fault::IssuerFault;
use crate::clock::{Clock, Timestamp};

/// How long somebody waits for a place before being told to come back.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Repeats that may be made at once after a quiet time.
const REPEATS: f64 = 10.0;
/// And what each first call adds to them: at most so many repeats for each.
const REPEATS_PER_CALL: f64 = 0.1;

/// The issuer is left alone for now, or all places are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnedAway {
    /// Seconds.
    pub retry_after: i64,
}

/// Whether a call can wait until an issuer that fails is well again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    Usual,
    /// What was asked for may be spent, and an overlap heals that for a short while yet. It is asked for a few times.
    InDoubt,
}

#[derive(Debug)]
pub struct Calls {
    clock: Clock,
    lanes: Mutex<HashMap<String, Arc<Lane>>>,
    freed: Arc<Notify>,
}

/// What is kept of one issuer.
#[derive(Debug)]
struct Lane {
    at_once: u16,
    /// For how long it is left alone at the most: while an overlap heals what was lost, it is asked in time.
    longest_pause: Duration,
    places: Arc<Semaphore>,
    /// Of the places, those that early refreshes may take.
    early: Arc<Semaphore>,
    /// Beside the places: a revocation endpoint that hangs must keep nobody from a refresh.
    revocations: Arc<Semaphore>,
    /// Beside them as well: whoever brings nonsense must keep nobody from a refresh either.
    introspections: Arc<Semaphore>,
    circuit: Mutex<Circuit>,
    repeats: Mutex<f64>,
    /// When it last gave what it was asked for.
    gave_at: Mutex<Option<Timestamp>>,
}

/// Of the places at an issuer, how many refreshes may take that nobody waits for yet.
#[must_use]
pub fn early_places(issuer: &Issuer) -> usize {
    half(issuer.profile.calls_at_once)
}

fn half(at_once: u16) -> usize {
    usize::from(at_once.max(1)).div_ceil(2)
}

impl Lane {
    fn new(at_once: u16, longest_pause: Duration) -> Self {
        let places = usize::from(at_once.max(1));
        Self {
            at_once,
            longest_pause,
            places: Arc::new(Semaphore::new(places)),
            early: Arc::new(Semaphore::new(half(at_once))),
            revocations: Arc::new(Semaphore::new(half(at_once))),
            introspections: Arc::new(Semaphore::new(half(at_once))),
            circuit: Mutex::default(),
            repeats: Mutex::new(REPEATS),
            gave_at: Mutex::default(),
        }
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place at an issuer, given back when it is dropped.
#[derive(Debug)]
pub struct Call {
    lane: Arc<Lane>,
    clock: Clock,
    /// Until its outcome is told.
    probe: bool,
    place: Option<OwnedSemaphorePermit>,
    early: Option<OwnedSemaphorePermit>,
    freed: Arc<Notify>,
}

impl Calls {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, lanes: Mutex::default(), freed: Arc::default() }
    }

    /// A place for a call that somebody waits for.
    ///
    /// # Errors
    /// [`TurnedAway`] when the issuer is left alone, or no place came free in time.
    pub async fn enter(&self, issuer: &Issuer, urgency: Urgency) -> Result<Call, TurnedAway> {
        let lane = self.lane(issuer);
        // Before the line and after it: who waited while the issuer began to fail need not fail as well.
        if let Some(wait) = self.closed_for(issuer).filter(|_| urgency == Urgency::Usual) {
            return Err(wait);
        }
        let busy = TurnedAway { retry_after: 1 };
        let place = timeout(TIMEOUT, Arc::clone(&lane.places).acquire_owned()).await;
        let place = place.ok().and_then(Result::ok).ok_or(busy)?;
        self.admit(lane, place, None, urgency)
    }

    /// A place for a call that nobody waits for yet; None when there is none at once.
    #[must_use]
    pub fn enter_early(&self, issuer: &Issuer, urgency: Urgency) -> Option<Call> {
        let lane = self.lane(issuer);
        let early = Arc::clone(&lane.early).try_acquire_owned().ok()?;
        let place = Arc::clone(&lane.places).try_acquire_owned().ok()?;
        self.admit(lane, place, Some(early), urgency).ok()
    }

    /// Whether [`Self::enter_early`] would give one.
    #[must_use]
    pub fn has_early_place(&self, issuer: &Issuer, urgency: Urgency) -> bool {
        let lane = self.lane(issuer);
        let free = lane.early.available_permits() > 0 && lane.places.available_permits() > 0;
        free && (urgency == Urgency::InDoubt || self.closed_for(issuer).is_none())
    }

    /// A place for telling the issuer of a revoke; None when as many are being told already.
    #[must_use]
    pub fn enter_to_revoke(&self, issuer: &Issuer) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.lane(issuer).revocations).try_acquire_owned().ok()
    }

    /// A place for asking the issuer what a token is; None when as many are being asked about already.
    #[must_use]
    pub fn enter_to_introspect(&self, issuer: &Issuer) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.lane(issuer).introspections).try_acquire_owned().ok()
    }

    /// Until an early place was given back, or had been before.
    pub async fn freed(&self) {
        self.freed.notified().await;
    }

    /// For how long the issuer is left alone, if it is.
    #[must_use]
    pub fn closed_for(&self, issuer: &Issuer) -> Option<TurnedAway> {
        let lane = self.lane(issuer);
        let wait = lane.circuit().wait(self.clock.monotonic());
        wait.filter(|wait| !wait.is_zero()).map(turned_away)
    }

    /// Whether this process has been given tokens by it since that moment.
    #[must_use]
    pub fn has_given_since(&self, issuer: &Issuer, moment: Timestamp) -> bool {
        let gave_at = *self.lane(issuer).gave_at.lock().unwrap_or_else(PoisonError::into_inner);
        gave_at.is_some_and(|at| at >= moment)
    }

    fn admit(
        &self,
        lane: Arc<Lane>,
        place: OwnedSemaphorePermit,
        early: Option<OwnedSemaphorePermit>,
        urgency: Urgency,
    ) -> Result<Call, TurnedAway> {
        let admission = lane.circuit().admit(self.clock.monotonic());
        let probe = match admission {
            Admission::Wait(_) if urgency == Urgency::InDoubt => false,
            Admission::Wait(wait) => return Err(turned_away(wait)),
            Admission::Pass => false,
            Admission::Probe => true,
        };
        let mut repeats = lane.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        *repeats = (*repeats + REPEATS_PER_CALL).min(REPEATS);
        drop(repeats);
        let (clock, freed) = (self.clock.clone(), Arc::clone(&self.freed));
        Ok(Call { lane, clock, probe, place: Some(place), early, freed })
    }

    /// An issuer whose profile was changed in this begins anew.
    fn lane(&self, issuer: &Issuer) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let at_once = issuer.profile.calls_at_once;
        let longest_pause =
            issuer.profile.overlap_third().map_or(LONGEST_PAUSE, |third| third.min(LONGEST_PAUSE));
        let same = |lane: &&Arc<Lane>| (lane.at_once, lane.longest_pause) == (at_once, longest_pause);
        if let Some(lane) = lanes.get(&issuer.key).filter(same) {
            return Arc::clone(lane);
        }
        let lane = Arc::new(Lane::new(at_once, longest_pause));
        lanes.insert(issuer.key.clone(), Arc::clone(&lane));
        lane
    }
}

impl Call {
    /// Tells how the issuer took it. The place is kept: what follows may be another call.
    pub fn report<T>(&mut self, outcome: &Result<T, IssuerFault>) {
        let health = match outcome {
            Err(IssuerFault::Unavailable(_, said)) => Health::Fails(*said),
            Err(IssuerFault::Unanswered(_) | IssuerFault::Odd(_)) => Health::Fails(None),
            _ => Health::Answers,
        };
        let lane = &self.lane;
        lane.circuit().report(self.probe, health, self.clock.monotonic(), lane.longest_pause);
        if outcome.is_ok() {
            *self.lane.gave_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.clock.now());
        }
        // Whatever comes after the probe is a call like any other.
        self.probe = false;
    }

    /// Whether the same thing may be asked once more; each time it is answered with yes uses the budget up.
    #[must_use]
    pub fn may_repeat(&self) -> bool {
        let mut repeats = self.lane.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        let may = *repeats >= 1.0;
        if may {
            *repeats -= 1.0;
        }
        may
    }
}

impl Drop for Call {
    /// A probe that asked nothing must not leave the issuer alone for ever.
    fn drop(&mut self) {
        if self.probe {
            self.lane.circuit().give_back(self.clock.monotonic());
        }
        drop(self.place.take());
        if self.early.take().is_some() {
            self.freed.notify_one();
        }
    }
}

fn turned_away(wait: Duration) -> TurnedAway {
    TurnedAway { retry_after: i64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(i64::MAX).max(1) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use futures_util::FutureExt;

    use super::*;
    use crate::issuer::authorization_server::Whereabouts;
    use crate::issuer::profile::{Preset, Profile};

    fn issuer(key: &str, calls_at_once: u16) -> Issuer {
        Issuer {
            id: format!("is_{key}"),
            key: key.to_owned(),
            name: key.to_owned(),
            whereabouts: Whereabouts::Discovery {
                identifier: format!("https://{key}.test/"),
                said: Box::default(),
            },
            profile: Profile { calls_at_once, ..Profile::of(Preset::Generic) },
            scope_descriptions: BTreeMap::new(),
        }
    }

    fn calls() -> (Calls, Clock) {
        let clock = Clock::manual(Timestamp::from_unix(1000));
        (Calls::new(clock.clone()), clock)
    }

    #[tokio::test]
    async fn one_issuer_that_is_full_delays_no_other() {
        let (calls, _) = calls();
        let (hung, other) = (issuer("hung", 2), issuer("other", 2));
        let places = [
            calls.enter(&hung, Urgency::Usual).await.unwrap(),
            calls.enter(&hung, Urgency::Usual).await.unwrap(),
        ];
        assert!(calls.enter(&hung, Urgency::Usual).now_or_never().is_none(), "it waits for its turn");
        assert!(calls.enter(&other, Urgency::Usual).await.is_ok());
        drop(places);
        assert!(calls.enter(&hung, Urgency::Usual).await.is_ok());
    }

    #[tokio::test]
    async fn early_refreshes_leave_half_of_the_places_to_those_who_wait() {
        let (calls, _) = calls();
        let issuer = issuer("one", 4);
        let early: Vec<Call> = std::iter::from_fn(|| calls.enter_early(&issuer, Urgency::Usual)).collect();
        assert_eq!(early.len(), 2);
        assert!(calls.enter(&issuer, Urgency::Usual).await.is_ok());
    }

    #[tokio::test]
    async fn a_probe_that_asked_nothing_leaves_the_next_one_to_find_out() {
        let (calls, clock) = calls();
        let issuer = issuer("one", 4);
        for _ in 0..5 {
            let failed: Result<(), _> = Err(IssuerFault::Unanswered(String::new()));
            calls.enter(&issuer, Urgency::Usual).await.unwrap().report(&failed);
        }
        assert_eq!(calls.enter(&issuer, Urgency::Usual).await.err(), Some(TurnedAway { retry_after: 2 }));
        assert!(calls.enter(&issuer, Urgency::InDoubt).await.is_ok(), "what may be spent is asked for");
        assert!(calls.enter_early(&issuer, Urgency::InDoubt).is_some());
        clock.advance(2);
        drop(calls.enter(&issuer, Urgency::Usual).await.unwrap());
        let mut probe = calls.enter(&issuer, Urgency::Usual).await.unwrap();
        assert!(calls.enter(&issuer, Urgency::Usual).await.is_err());
        probe.report(&Ok(()));
        assert!(calls.enter(&issuer, Urgency::Usual).await.is_ok());
    }

    #[tokio::test]
    async fn what_fails_everywhere_is_not_asked_twice_without_end() {
        let (calls, _) = calls();
        let issuer = issuer("one", 4);
        let call = calls.enter(&issuer, Urgency::Usual).await.unwrap();
        let repeated = (0..100).filter(|_| call.may_repeat()).count();
        assert_eq!(repeated, 10);
        for _ in 0..20 {
            drop(calls.enter(&issuer, Urgency::Usual).await.unwrap());
        }
        assert!(call.may_repeat());
    }
}
