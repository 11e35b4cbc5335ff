//! How much of the server clients may have: time, connections and bytes. Counts nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::config::LimitsConfig;
use crate::edge::address::Prefix;

/// How long a client may take, and how many there may be.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From the connection, or from the first byte of a later request, to the whole head. Of a later request over
    /// HTTP/2, whose pings look alike, `idle` counts.
    pub header: Duration,
    /// For the whole body of a request.
    pub body: Duration,
    /// For the client to take the whole answer, or 16 KiB of it and then the next.
    pub answer: Duration,
    /// From the end of the last request to the next one, pings or no pings.
    pub idle: Duration,
    /// From the whole head of a request to its answer.
    pub request: Duration,
    /// Connections open at one time.
    pub connections: usize,
    /// And from one address; 0 for no limit of its own.
    pub connections_per_address: usize,
    /// Bytes of bodies that have begun to come and are not whole.
    pub body_bytes: usize,
    /// Whoever connects from there speaks for many.
    pub trusted_proxies: Arc<[Prefix]>,
}

impl Default for Limits {
    fn default() -> Self {
        Self::of(&LimitsConfig::default())
    }
}

impl Limits {
    #[must_use]
    pub fn of(config: &LimitsConfig) -> Self {
        Self {
            header: Duration::from_secs(10),
            body: Duration::from_secs(10),
            answer: Duration::from_secs(10),
            idle: Duration::from_secs(config.idle_seconds),
            // Longer than the longest call to an issuer.
            request: Duration::from_secs(75),
            connections: config.connections,
            connections_per_address: config.connections_per_address,
            body_bytes: config.body_megabytes.saturating_mul(1 << 20),
            trusted_proxies: Arc::default(),
        }
    }
}
