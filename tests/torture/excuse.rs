//! Why an issuer's answer may have been lost: what the adversary did to it, or to the process that it was for. Nothing
//! else excuses the loss of a grant.

use std::time::Duration;

use attache::sandbox::issuer::{Shown, Verdict};

use crate::history::{Event, Moment};
use crate::stage::DEADLINE;

/// An answer that is not stored after so long was not in flight any more.
const IN_FLIGHT: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_secs(DEADLINE.unsigned_abs());
/// Between what the adversary writes down and what happens.
const SLACK: Duration = Duration::from_secs(1);
/// A process that died there held nothing of this connection that was not durable.
const DURABLE: [&str; 3] = ["stored", "rescued", "tidied"];

/// It died with the answer in its journal, and was not back before another one took over.
pub const STAYED_AWAY: &str = "its process stayed away for too long";
/// For how long a dead process is waited for where the issuer is strict: see `src/replicas/holders.rs`.
const AWAY: Duration = Duration::from_secs(DEADLINE.unsigned_abs() + 5);

/// What a process writes down when the call's deadline passes.
pub const TOO_LATE: &str = "no whole answer came in time";

/// `rotated` is the entry of the answer that brought a refresh token nobody has, `reused` the one by which that came
/// out: whoever shows a spent token while its holder is still at work has no excuse.
pub fn excuse(rotated: &Shown, reused: &Shown, connection: &str, events: &[Event]) -> Option<&'static str> {
    if !rotated.answered {
        return Some("its answer was dropped");
    }
    let died = |event: &Event| match event {
        Event::Kill { who, at, step }
            if *who == rotated.by && *at <= reused.at && in_flight(rotated.at, *at) =>
        {
            let was_durable = step
                .as_ref()
                .is_some_and(|(step, whose)| whose == connection && DURABLE.contains(&step.as_str()));
            !was_durable
        }
        _ => false,
    };
    // For longer than its lease, so that another one took over: what arrives meanwhile is read on waking.
    let slept = |event: &Event| match event {
        Event::Pause { who, from, to, beyond: true } if *who == rotated.by => {
            *to >= *from + CALL
                && reused.at >= *from + CALL
                && rotated.at + CALL + SLACK >= *from
                && rotated.at <= *to + SLACK
        }
        _ => false,
    };
    // What it had put into its journal only it can store, and others wait for it no longer than that.
    let stayed_away = |event: &Event| match event {
        Event::Kill { who, at, step: Some((step, whose)) } => {
            *who == rotated.by
                && (step.as_str(), whose.as_str()) == ("rescued", connection)
                && in_flight(rotated.at, *at)
                && replica(&reused.by) != replica(&rotated.by)
                && reused.at + SLACK >= *at + AWAY
        }
        _ => false,
    };
    if events.iter().any(died) {
        return Some("its process was killed");
    }
    if events.iter().any(stayed_away) {
        return Some(STAYED_AWAY);
    }
    events.iter().any(slept).then_some("its process was paused")
}

/// Whether two processes showed the same token while the call of one of them was still under way. At a strict issuer
/// nothing that happens to a process lets another one begin before that; with an overlap, whoever does not answer is
/// overtaken.
pub fn at_once(first: &Shown, second: &Shown) -> bool {
    let same_token = (first.family, first.generation) == (second.family, second.generation);
    let given = first.answered && matches!(first.verdict, Verdict::Current | Verdict::Again);
    same_token && given && replica(&first.by) != replica(&second.by) && second.at + SLACK < first.at + CALL
}

/// `p2` of `p2.17`: which one it is, however often it was started.
fn replica(by: &str) -> &str {
    by.split('.').next().unwrap_or(by)
}

fn in_flight(answered: Moment, killed: Moment) -> bool {
    answered <= killed + SLACK && killed <= answered + IN_FLIGHT
}
