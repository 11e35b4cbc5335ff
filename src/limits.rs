//! How often who may ask: each API key, each caller whose subject tokens are refused, each person who connects, and each
//! address whose requests are refused or that begins sign-ins. In this process's memory, which is bounded and swept; every
//! replica counts for itself. Answers nobody.

mod buckets;
mod limit;
pub mod limited;

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use dashmap::DashMap;
use governor::Quota;

use self::limit::Limit;
use self::limited::Limited;
use crate::clock::Clock;
use crate::config::LimitsConfig;
use crate::edge::address::Address;
use crate::error::Error;
use crate::secret::Token;

pub use self::buckets::OWN as REMEMBERED;

/// What one /64 may, a /48 may so many times over: it is what one customer of a provider has, be that a home or a company.
const NETWORKS_OF_A_SITE: u32 = 16;
/// How long a credential that was accepted counts as known.
const KNOWN_FOR: Duration = Duration::from_hours(1);
/// A known credential's time is not written at each use.
const KNOWN_GRAIN: Duration = Duration::from_mins(1);

/// A credential that was accepted lately, by its hash.
#[derive(Clone, Copy, Debug)]
pub struct AcceptedCredential(u64);

#[derive(Debug)]
pub struct RateLimits {
    clock: Clock,
    hashes: RandomState,
    keys: Option<Limit>,
    failures: Option<ByAddress>,
    subject_tokens: Option<Limit>,
    sign_ins: Option<ByAddress>,
    connects: Option<Limit>,
    session_tokens: Option<Limit>,
    /// Credentials that were accepted, and when last. By a hash that only this process can make: a table of 64 bits
    /// each, which tells nobody a secret. Where there is no more room, one that comes new waits like a stranger.
    known: DashMap<u64, Duration>,
}

impl RateLimits {
    #[must_use]
    pub fn new(config: &LimitsConfig, clock: Clock) -> Self {
        let per_minute = |rate| Limit::new(Quota::per_minute, rate, rate, &clock);
        Self {
            hashes: RandomState::new(),
            keys: Limit::new(Quota::per_second, config.key_per_second, config.key_burst, &clock),
            failures: ByAddress::new(config.failures_per_minute, config.failure_burst, &clock),
            subject_tokens: per_minute(config.subject_failures_per_minute),
            sign_ins: ByAddress::new(config.sign_ins_per_minute, config.sign_ins_per_minute, &clock),
            connects: per_minute(config.connects_per_minute),
            session_tokens: per_minute(config.session_tokens_per_minute),
            known: DashMap::new(),
            clock,
        }
    }

    /// For each use of an API key, once it was found.
    ///
    /// # Errors
    /// [`Error::RateLimited`]
    pub fn admit_key(&self, key_id: &str) -> Result<(), Error> {
        self.count(self.keys.as_ref(), key_id, Limited::Key)
    }

    /// Before a sign-in is begun, for nobody in particular.
    ///
    /// # Errors
    /// [`Error::RateLimited`]
    pub fn admit_sign_in(&self, address: Address) -> Result<(), Error> {
        let counted = self.sign_ins.as_ref().map_or(Ok(()), |limit| limit.count(&self.hashes, address));
        counted.map_err(|wait| limited(Limited::SignIns, wait))
    }

    /// Before a person goes on to an issuer, which writes a row.
    ///
    /// # Errors
    /// [`Error::RateLimited`]
    pub fn admit_connect(&self, account_id: &str) -> Result<(), Error> {
        self.count(self.connects.as_ref(), account_id, Limited::Connects)
    }

    /// Before a token of a session is made, which is named by its hash.
    ///
    /// # Errors
    /// [`Error::RateLimited`]
    pub fn admit_session_token(&self, session: &str) -> Result<(), Error> {
        self.count(self.session_tokens.as_ref(), session, Limited::SessionTokens)
    }

    /// Before a subject token of a caller is looked at.
    ///
    /// # Errors
    /// [`Error::RateLimited`]
    pub fn admit_subject_token(&self, caller_id: &str) -> Result<(), Error> {
        let limit = self.subject_tokens.as_ref();
        let wait = limit.and_then(|limit| limit.wait(self.hashes.hash_one(caller_id)));
        wait.map_or(Ok(()), |wait| Err(limited(Limited::SubjectTokens, wait)))
    }

    /// Counts a refused subject token against the caller that brought it. Its address has proven whose it is, and others
    /// may share it.
    pub fn count_subject_failure(&self, caller_id: &str) {
        let _ = self.count(self.subject_tokens.as_ref(), caller_id, Limited::SubjectTokens);
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
    ) -> Result<Option<AcceptedCredential>, Error> {
        let failures = self.failures.as_ref();
        let Some(wait) = failures.and_then(|limit| limit.wait(&self.hashes, address)) else {
            return Ok(None);
        };
        let hash = credential().map(|credential| self.hashes.hash_one(credential.expose()));
        match hash.filter(|hash| self.known.contains_key(hash)) {
            Some(hash) => Ok(Some(AcceptedCredential(hash))),
            None => Err(limited(Limited::Failures, wait)),
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
    pub fn count_failure(&self, address: Address, passed: Option<AcceptedCredential>) {
        if let Some(AcceptedCredential(hash)) = passed {
            self.known.remove(&hash);
        }
        if let Some(failures) = &self.failures {
            // Whoever waits already is told so at the next request.
            let _ = failures.count(&self.hashes, address);
        }
    }

    /// Forgets whoever is as good as new. For the housekeeping.
    pub fn sweep(&self) {
        [&self.failures, &self.sign_ins].into_iter().flatten().for_each(ByAddress::sweep);
        [&self.keys, &self.subject_tokens, &self.connects].into_iter().flatten().for_each(Limit::sweep);
        let now = self.clock.monotonic();
        self.known.retain(|_, seen| now.saturating_sub(*seen) < KNOWN_FOR);
    }

    fn count(&self, limit: Option<&Limit>, whom: &str, which: Limited) -> Result<(), Error> {
        let Some(limit) = limit else { return Ok(()) };
        limit.count(self.hashes.hash_one(whom)).map_err(|wait| limited(which, wait))
    }
}

/// A limit for each address: IPv4 by itself, IPv6 by its /64, and by its /48 too, for a /64 costs nothing to change.
#[derive(Debug)]
struct ByAddress {
    networks: Limit,
    sites: Limit,
}

impl ByAddress {
    fn new(rate: u32, burst: u32, clock: &Clock) -> Option<Self> {
        let wide = |count: u32| count.saturating_mul(NETWORKS_OF_A_SITE);
        Some(Self {
            networks: Limit::new(Quota::per_minute, rate, burst, clock)?,
            sites: Limit::new(Quota::per_minute, wide(rate), wide(burst), clock)?,
        })
    }

    fn count(&self, hashes: &RandomState, address: Address) -> Result<(), Duration> {
        // Who is refused already is no burden on its neighbours.
        self.networks.count(hashes.hash_one(address))?;
        address.site().map_or(Ok(()), |site| self.sites.count(hashes.hash_one(site)))
    }

    fn wait(&self, hashes: &RandomState, address: Address) -> Option<Duration> {
        let network = self.networks.wait(hashes.hash_one(address));
        let site = address.site().and_then(|site| self.sites.wait(hashes.hash_one(site)));
        network.max(site)
    }

    fn sweep(&self) {
        self.networks.sweep();
        self.sites.sweep();
    }
}

/// For `Retry-After`: never too early, and never "now".
fn limited(limit: Limited, wait: Duration) -> Error {
    let seconds = i64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(i64::MAX).max(1);
    Error::RateLimited { limit, retry_after: seconds }
}
