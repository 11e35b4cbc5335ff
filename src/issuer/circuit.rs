//! When an issuer that fails is left alone, and how it is tried again. Pure: told the time, knows no clock and no HTTP.
//!
//! ```text
//! closed ── five failures in a row ──> open ── its pause is over, one call ──> half-open
//!    ▲                                   ▲                                        │ │
//!    │                                   └──────────── failed again ──────────────┘ │
//!    └─────────────────────────────────── answered ─────────────────────────────────┘
//! ```

use std::time::Duration;

/// Failures in a row after which an issuer is left alone.
const FAILURES: u32 = 5;
/// How long at first; doubled each time it fails again.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// And at the most: people wait for it, and one call in this time is no burden.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// What its `Retry-After` may make of it.
const LONGEST_SAID: Duration = Duration::from_mins(1);

/// How a call went, as far as the issuer's health goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answered, if only with a refusal.
    Answers,
    /// It was not reached, gave no whole answer, or turned us away; and its `Retry-After` in seconds.
    Fails(Option<i64>),
}

/// All times are of a monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    Closed {
        failures: u32,
    },
    Open {
        until: Duration,
        pause: Duration,
    },
    /// One call finds out whether it answers again.
    HalfOpen {
        pause: Duration,
    },
}

/// Whether it may be asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Pass,
    /// The one call by which it is tried again.
    Probe,
    /// Not for so long.
    Wait(Duration),
}

impl Default for Circuit {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Circuit {
    /// Judges one call, which is to be reported when it was let through.
    pub fn admit(&mut self, now: Duration) -> Admission {
        match *self {
            Self::Closed { .. } => Admission::Pass,
            Self::Open { until, .. } if until > now => Admission::Wait(until.saturating_sub(now)),
            Self::Open { pause, .. } => {
                *self = Self::HalfOpen { pause };
                Admission::Probe
            }
            Self::HalfOpen { pause } => Admission::Wait(pause),
        }
    }

    /// How a call went that was let through. The next one is made after `longest` at the latest, unless the issuer says
    /// otherwise.
    pub fn report(&mut self, probe: bool, health: Health, now: Duration, longest: Duration) {
        *self = match (*self, health) {
            // A call from before the circuit opened says nothing of the issuer now.
            (open @ (Self::Open { .. } | Self::HalfOpen { .. }), _) if !probe => open,
            (_, Health::Answers) => Self::default(),
            (Self::Closed { failures }, Health::Fails(_)) if failures + 1 < FAILURES => {
                Self::Closed { failures: failures + 1 }
            }
            (Self::Closed { .. }, Health::Fails(said)) => open(FIRST_PAUSE.min(longest), said, now),
            (Self::Open { pause, .. } | Self::HalfOpen { pause }, Health::Fails(said)) => {
                open(pause.saturating_mul(2).min(longest), said, now)
            }
        };
    }

    /// The probe found nothing out, so the next call may.
    pub fn give_back(&mut self, now: Duration) {
        if let Self::HalfOpen { pause } = *self {
            *self = Self::Open { until: now, pause };
        }
    }

    /// How long it is still left alone; None when it is not.
    #[must_use]
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        match *self {
            Self::Closed { .. } => None,
            Self::Open { until, .. } => Some(until.saturating_sub(now)),
            Self::HalfOpen { pause } => Some(pause),
        }
    }
}

fn open(pause: Duration, said: Option<i64>, now: Duration) -> Circuit {
    let said = Duration::from_secs(said.map_or(0, i64::unsigned_abs));
    Circuit::Open { until: now + pause.max(said.min(LONGEST_SAID)), pause }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn failed(times: u32) -> Circuit {
        let mut circuit = Circuit::default();
        for _ in 0..times {
            assert_eq!(circuit.admit(seconds(100)), Admission::Pass);
            circuit.report(false, Health::Fails(None), seconds(100), LONGEST_PAUSE);
        }
        circuit
    }

    #[test]
    fn four_failures_are_a_hiccup_and_an_answer_forgets_them() {
        let mut circuit = failed(4);
        circuit.report(false, Health::Answers, seconds(100), LONGEST_PAUSE);
        assert_eq!(circuit, failed(0));
    }

    #[test]
    fn after_five_one_call_finds_out_whether_it_answers_again() {
        let mut circuit = failed(5);
        assert_eq!(circuit.admit(seconds(101)), Admission::Wait(seconds(1)));
        assert_eq!(circuit.admit(seconds(102)), Admission::Probe);
        assert_eq!(circuit.admit(seconds(102)), Admission::Wait(seconds(2)), "there is one probe at a time");
        // What began before is no news.
        circuit.report(false, Health::Answers, seconds(102), LONGEST_PAUSE);
        assert_eq!(circuit.admit(seconds(102)), Admission::Wait(seconds(2)));
        circuit.report(true, Health::Fails(None), seconds(103), LONGEST_PAUSE);
        assert_eq!(circuit.admit(seconds(106)), Admission::Wait(seconds(1)));
        assert_eq!(circuit.admit(seconds(107)), Admission::Probe);
        circuit.report(true, Health::Answers, seconds(107), LONGEST_PAUSE);
        assert_eq!(circuit.admit(seconds(107)), Admission::Pass);
    }

    #[test]
    fn one_that_stays_away_is_asked_every_fifteen_seconds() {
        let (mut circuit, mut now) = (failed(5), seconds(100));
        for pause in [2, 4, 8, 15, 15] {
            assert_eq!(circuit.wait(now), Some(seconds(pause)));
            now += seconds(pause);
            assert_eq!(circuit.admit(now), Admission::Probe);
            circuit.report(true, Health::Fails(None), now, LONGEST_PAUSE);
        }
    }

    #[test]
    fn what_the_issuer_says_is_heeded_within_reason() {
        let mut circuit = failed(4);
        circuit.report(false, Health::Fails(Some(30)), seconds(100), LONGEST_PAUSE);
        assert_eq!(circuit.wait(seconds(100)), Some(seconds(30)));
        let mut circuit = failed(4);
        circuit.report(false, Health::Fails(Some(86_400)), seconds(100), LONGEST_PAUSE);
        assert_eq!(circuit.wait(seconds(100)), Some(LONGEST_SAID));
    }

    #[test]
    fn where_an_overlap_heals_lost_answers_the_pauses_are_short_enough_for_it() {
        let (mut circuit, mut now) = (Circuit::default(), seconds(100));
        for _ in 0..5 {
            circuit.report(false, Health::Fails(None), now, seconds(3));
        }
        for pause in [2, 3, 3] {
            assert_eq!(circuit.wait(now), Some(seconds(pause)));
            now += seconds(pause);
            assert_eq!(circuit.admit(now), Admission::Probe);
            circuit.report(true, Health::Fails(None), now, seconds(3));
        }
    }
}
