//! `[limits]`: how much at one time, and how often. Judges its own numbers.

use serde::Deserialize;

use super::fault::ConfigFault;

/// Connections that a mass revoke ends in a second at the most.
pub const FASTEST_MASS_REVOKE: u32 = 1000;

/// A rate of 0 is no limit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Connections open at one time.
    pub connections: usize,
    /// And from one address; 0 for no limit of its own.
    pub connections_per_address: usize,
    /// Megabytes of request bodies that have begun to come and are not whole.
    pub body_megabytes: usize,
    /// Seconds a connection is kept without a request. Longer than the proxy in front keeps it.
    pub idle_seconds: u64,
    /// Requests worked on at one time, without those that wait for an issuer or a content platform.
    pub requests_at_once: usize,
    /// Seconds after which a caller that still has no answer is told to come back.
    pub answer_seconds: u64,
    /// Requests of one API key, in a second.
    pub key_per_second: u32,
    /// And that many at once after a pause.
    pub key_burst: u32,
    /// Refused credentials of one address, in a minute.
    pub failures_per_minute: u32,
    /// And that many at once after a pause.
    pub failure_burst: u32,
    /// Refused subject tokens of one caller, in a minute.
    pub subject_failures_per_minute: u32,
    /// Sign-ins begun from one address, in a minute.
    pub sign_ins_per_minute: u32,
    /// Consents that one person goes on to, in a minute.
    pub connects_per_minute: u32,
    /// Tokens of one browser session, in a minute.
    pub session_tokens_per_minute: u32,
    /// Connections that a mass revoke ends in a second, where the command does not say.
    pub mass_revoke_per_second: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            connections: 8192,
            connections_per_address: 1024,
            body_megabytes: 64,
            idle_seconds: 10,
            requests_at_once: 512,
            answer_seconds: 10,
            key_per_second: 2000,
            key_burst: 4000,
            failures_per_minute: 60,
            failure_burst: 60,
            subject_failures_per_minute: 600,
            sign_ins_per_minute: 60,
            connects_per_minute: 30,
            session_tokens_per_minute: 120,
            mass_revoke_per_second: 20,
        }
    }
}

impl LimitsConfig {
    /// Any other count of 0 would serve nobody.
    pub(super) fn judge(&self, faults: &mut Vec<ConfigFault>) {
        let mut within = |key: &str, value: u64, least: u64, most: u64| {
            if !(least..=most).contains(&value) {
                let problem = format!("must be between {least} and {most}");
                faults.push(ConfigFault::new(format!("limits.{key}"), problem));
            }
        };
        let count = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        within("connections", count(self.connections), 1, 1_000_000);
        within("connections_per_address", count(self.connections_per_address), 0, 1_000_000);
        within("body_megabytes", count(self.body_megabytes), 1, 65_536);
        within("idle_seconds", self.idle_seconds, 1, 3600);
        within("requests_at_once", count(self.requests_at_once), 1, 65_536);
        within("answer_seconds", self.answer_seconds, 1, 60);
        within("key_per_second", self.key_per_second.into(), 0, 1_000_000);
        within("key_burst", self.key_burst.into(), 1, 1_000_000);
        within("failures_per_minute", self.failures_per_minute.into(), 0, 1_000_000);
        within("failure_burst", self.failure_burst.into(), 1, 1_000_000);
        within("subject_failures_per_minute", self.subject_failures_per_minute.into(), 0, 1_000_000);
        within("sign_ins_per_minute", self.sign_ins_per_minute.into(), 0, 1_000_000);
        within("connects_per_minute", self.connects_per_minute.into(), 0, 1_000_000);
        within("session_tokens_per_minute", self.session_tokens_per_minute.into(), 0, 1_000_000);
        within("mass_revoke_per_second", self.mass_revoke_per_second.into(), 1, FASTEST_MASS_REVOKE.into());
    }
}
