//! How often who may ask: each API key, and each address whose requests are refused or that begins sign-ins.
//! In this process's memory, which is bounded and swept; every replica counts for itself. Answers nobody.

use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::time::Duration;

use dashmap::DashMap;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::clock::Clock;
use crate::config::LimitsConfig;
use crate::edge::address::Address;
use crate::error::Error;
use crate::secret::Token;

/// Addresses and credentials remembered at the most, in each table. What comes beyond is let through: the cap on
/// requests at one time holds for it all the same.
const REMEMBERED: usize = 65_536;
/// How long a credential that was accepted counts as known.
const KNOWN_FOR: Duration = Duration::from_hours(1);
/// A known credential's time is not written at each use.
const KNOWN_GRAIN: Duration = Duration::from_mins(1);

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, Clock, StateInformationMiddleware>;

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    Key,
    Failures,
    SignIns,
}

impl fmt::Display for Limited {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Key => "This API key asks more often than it may.",
            Self::Failures => "Too many requests from this address were refused.",
            Self::SignIns => "Too many sign-ins were begun from this address.",
        })
    }
}

/// A credential that was accepted lately, by its hash.
#[derive(Clone, Copy, Debug)]
pub struct Known(u64);

#[derive(Debug)]
pub struct RateLimits {
    clock: Clock,
    hashes: RandomState,
    keys: Option<Limiter<u64>>,
    failures: Option<Limiter<Address>>,
    sign_ins: Option<Limiter<Address>>,
    /// Addresses that have used up their failures, and until when they wait.
    shut: DashMap<Address, Duration>,
    /// Credentials that were accepted, and when last. By a hash that only this process can make: a table of 64 bits
    /// each, which tells nobody a secret.
    known: DashMap<u64, Duration>,
}

impl RateLimits {
    #[must_use]
    pub fn new(config: &LimitsConfig, clock: Clock) -> Self {
        Self {
            hashes: RandomState::new(),
            keys: limiter(Quota::per_second, config.key_per_second, config.key_burst, &clock),
            failures: limiter(Quota::per_minute, config.failures_per_minute, config.failure_burst, &clock),
            sign_ins: limiter(
                Quota::per_minute,
                config.sign_ins_per_minute,
                config.sign_ins_per_minute,
                &clock,
            ),
            shut: DashMap::new(),
            known: DashMap::new(),
            clock,
        }
    }

    /// For each use of an API key, once it was found.
    ///
    /// # Errors
    /// [`Error::RateLimited`]
    pub fn admit_key(&self, key_id: &str) -> Result<(), Error> {
        self.admit(self.keys.as_ref(), &self.hashes.hash_one(key_id), Limited::Key)
    }

    /// Before a sign-in is begun, which writes rows for nobody in particular.
    ///
    /// # Errors
    /// [`Error::RateLimited`]
    pub fn admit_sign_in(&self, address: Address) -> Result<(), Error> {
        let limiter = self.sign_ins.as_ref().filter(|limiter| limiter.len() < REMEMBERED);
        self.admit(limiter, &address, Limited::SignIns)
    }

    /// Before anything is looked up for a machine. An address that has used up its failures waits, but for the
    /// credentials that were accepted lately, from wherever: whoever guesses behind the same address translation
    /// locks nobody out who has been here within the hour.
    ///
    /// # Errors
    /// [`Error::RateLimited`]
    pub fn admit_address(
        &self,
        address: Address,
        credential: impl FnOnce() -> Option<Token>,
    ) -> Result<Option<Known>, Error> {
        // Copied out: the table's own lock is not held while another table is looked at.
        let Some(until) = self.shut.get(&address).map(|until| *until) else { return Ok(None) };
        let left = until.saturating_sub(self.clock.monotonic());
        if left.is_zero() {
            return Ok(None);
        }
        let hash = credential().map(|credential| self.hashes.hash_one(credential.expose()));
        match hash.filter(|hash| self.known.contains_key(hash)) {
            Some(hash) => Ok(Some(Known(hash))),
            None => Err(Error::RateLimited { limit: Limited::Failures, retry_after: whole_seconds(left) }),
        }
    }

    /// Remembers a credential that was accepted.
    pub fn know(&self, credential: &Token) {
        if self.failures.is_none() {
            return;
        }
        let (hash, now) = (self.hashes.hash_one(credential.expose()), self.clock.monotonic());
        if self.known.get(&hash).is_some_and(|seen| now.saturating_sub(*seen) < KNOWN_GRAIN) {
            return;
        }
        if self.known.len() < REMEMBERED {
            self.known.insert(hash, now);
        }
    }

    /// Counts a refused request against its address. A credential that got it past the address's wait is known no
    /// longer.
    pub fn count_failure(&self, address: Address, passed: Option<Known>) {
        if let Some(Known(hash)) = passed {
            self.known.remove(&hash);
        }
        let failures = self.failures.as_ref().filter(|failures| failures.len() < REMEMBERED);
        let Some(failures) = failures else { return };
        let now = self.clock.monotonic();
        let wait = match failures.check_key(&address) {
            Ok(state) if state.remaining_burst_capacity() > 0 => return,
            // That was the last one: the next is a whole interval away.
            Ok(state) => state.quota().replenish_interval(),
            Err(not_yet) => not_yet.wait_time_from(now),
        };
        self.shut.insert(address, now.saturating_add(wait));
    }

    /// Forgets whoever is as good as new. For the housekeeping.
    pub fn sweep(&self) {
        let now = self.clock.monotonic();
        for limiter in [&self.failures, &self.sign_ins].into_iter().flatten() {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        if let Some(keys) = &self.keys {
            keys.retain_recent();
        }
        self.shut.retain(|_, until| *until > now);
        self.known.retain(|_, seen| now.saturating_sub(*seen) < KNOWN_FOR);
    }

    fn admit<K: Hash + Eq + Clone>(
        &self,
        limiter: Option<&Limiter<K>>,
        key: &K,
        limit: Limited,
    ) -> Result<(), Error> {
        let Some(limiter) = limiter else { return Ok(()) };
        match limiter.check_key(key) {
            Ok(_) => Ok(()),
            Err(not_yet) => {
                let retry_after = whole_seconds(not_yet.wait_time_from(self.clock.monotonic()));
                Err(Error::RateLimited { limit, retry_after })
            }
        }
    }
}

impl governor::clock::Clock for Clock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.monotonic()
    }
}

/// None where there is to be no limit.
fn limiter<K: Hash + Eq + Clone>(
    quota: fn(NonZeroU32) -> Quota,
    rate: u32,
    burst: u32,
    clock: &Clock,
) -> Option<Limiter<K>> {
    let quota = quota(NonZeroU32::new(rate)?).allow_burst(NonZeroU32::new(burst)?);
    Some(RateLimiter::new(quota, DashMapStateStore::default(), clock.clone()))
}

/// For `Retry-After`: never too early, and never "now".
fn whole_seconds(wait: Duration) -> i64 {
    i64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(i64::MAX).max(1)
}
