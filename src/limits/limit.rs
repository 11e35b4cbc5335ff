//! One limit: so many in a time, and so many at once after a pause (GCRA), for each of those who are counted.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::{Quota, RateLimiter};

use super::buckets::Buckets;
use crate::clock::Clock;

#[derive(Debug)]
pub struct Limit {
    limiter: RateLimiter<u64, Buckets, Clock, NoOpMiddleware<Duration>>,
    buckets: Buckets,
    /// How far ahead of its time a count may be.
    tolerance: Duration,
    since: Duration,
    clock: Clock,
}

impl Limit {
    /// None where there is to be no limit.
    pub fn new(quota: fn(NonZeroU32) -> Quota, rate: u32, burst: u32, clock: &Clock) -> Option<Self> {
        let (rate, burst) = (NonZeroU32::new(rate)?, NonZeroU32::new(burst)?);
        let (quota, buckets) = (quota(rate).allow_burst(burst), Buckets::default());
        Some(Self {
            since: clock.monotonic(),
            tolerance: quota.replenish_interval() * (burst.get() - 1),
            limiter: RateLimiter::new(quota, buckets.clone(), clock.clone()),
            buckets,
            clock: clock.clone(),
        })
    }

    /// Counts one, unless it is one too many; then how long to wait.
    pub fn count(&self, key: u64) -> Result<(), Duration> {
        self.limiter.check_key(&key).map_err(|not_yet| not_yet.wait_time_from(self.clock.monotonic()))
    }

    /// How long the next one has to wait, if it has to. Counts nothing.
    pub fn wait(&self, key: u64) -> Option<Duration> {
        let from = Duration::from(self.buckets.read(key)?).saturating_sub(self.tolerance);
        Some(from.saturating_sub(self.now())).filter(|wait| !wait.is_zero())
    }

    pub fn sweep(&self) {
        self.buckets.sweep(self.now().into());
    }

    /// As the limiter counts.
    fn now(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.since)
    }
}

impl governor::clock::Clock for Clock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.monotonic()
    }
}
