//! Why an issuer's answer may have been lost: what the adversary did to it, or to the process that it was for. Nothing
//! else excuses the loss of a grant.

use std::time::Duration;

use attache::sandbox::issuer::Shown;

use crate::history::{Event, Moment};

/// An answer that is not stored after so long was not in flight any more.
const IN_FLIGHT: Duration = Duration::from_secs(5);
/// Between what the adversary writes down and what happens.
const SLACK: Duration = Duration::from_secs(1);
/// A process that died there held nothing of this connection that was not durable.
const DURABLE: [&str; 3] = ["stored", "rescued", "tidied"];

/// `rotated` is the entry of the answer that brought a refresh token nobody has.
pub fn excuse(rotated: &Shown, connection: &str, events: &[Event]) -> Option<&'static str> {
    if !rotated.answered {
        return Some("its answer was dropped");
    }
    events.iter().find_map(|event| match event {
        Event::Kill { who, at, step } if *who == rotated.by && in_flight(rotated.at, *at) => {
            let was_durable = step
                .as_ref()
                .is_some_and(|(step, whose)| whose == connection && DURABLE.contains(&step.as_str()));
            (!was_durable).then_some("its process was killed")
        }
        Event::Pause { who, from, to, .. } if *who == rotated.by => {
            let paused = rotated.at + IN_FLIGHT >= *from && rotated.at <= *to + SLACK;
            paused.then_some("its process was paused")
        }
        _ => None,
    })
}

fn in_flight(answered: Moment, killed: Moment) -> bool {
    answered <= killed + SLACK && killed <= answered + IN_FLIGHT
}
