//! The receipt of a revoke in a person's words: one sentence for each step. Reads nothing.

use crate::clock::Timestamp;
use crate::issuer::revocation_endpoint::CanBeTold;
use crate::revoke::receipt::Task;
use crate::revoke::receipt::{AtIssuer, Out, Receipt};
use crate::web::view::Time;

/// One step of the receipt; `at` is absent while we wait for it.
#[derive(Debug, Clone)]
pub struct Step {
    pub at: Option<Time>,
    pub sentence: String,
}

/// Oldest first.
#[must_use]
pub fn steps(receipt: &Receipt, issuer: &str, can: CanBeTold, now: Timestamp) -> Vec<Step> {
    let time = |at: Timestamp| Time { exact: at.to_the_second(), ..Time::of(at, now) };
    let stopped = time(receipt.stopped_at);
    let step = |at: &Time, sentence: String| Step { at: Some(at.clone()), sentence };
    let told = match &receipt.issuer {
        AtIssuer::Confirmed(at) => step(&time(*at), format!("{issuer} confirmed.")),
        AtIssuer::Waiting(task) => Step { at: None, sentence: waiting(task.as_ref(), issuer, can, now) },
        AtIssuer::Unsupported => {
            step(&stopped, format!("{issuer} has no way for us to tell it; look there too."))
        }
        AtIssuer::Withheld => step(
            &stopped,
            format!("{issuer} was not told: another connection of yours would have ended with this one."),
        ),
        AtIssuer::Unconfirmed => {
            step(&stopped, format!("{issuer} was told for a month and never confirmed; look there too."))
        }
    };
    vec![
        step(&stopped, "Stopped here. It is given nothing more.".to_owned()),
        told,
        Step {
            at: Some(receipt.out.until.map_or(stopped, |until| time(Timestamp::from_unix(until)))),
            sentence: out(receipt.out),
        },
    ]
}

fn waiting(task: Option<&Task>, issuer: &str, can: CanBeTold, now: Timestamp) -> String {
    let again = |task: &Task| if task.next_at > now { task.next_at.human(now) } else { "now".to_owned() };
    match task {
        Some(task) if task.attempts > 0 && can == CanBeTold::NotKnown => {
            let again = again(task);
            format!("Whether {issuer} can be told could not be seen yet. We look again {again}.")
        }
        Some(task) if task.attempts > 0 => {
            let times =
                if task.attempts == 1 { "once".to_owned() } else { format!("{} times", task.attempts) };
            let again = again(task);
            format!("{issuer} was told {times} and did not confirm. It is told again {again}, until it does.")
        }
        _ if can == CanBeTold::Yes => format!("{issuer} is being told."),
        _ => format!("{issuer} is being told, if it has a way for that."),
    }
}

fn out(out: Out) -> String {
    match (out.tokens, out.until) {
        (0, _) => "Nothing that was handed out before is still good.".to_owned(),
        (1, Some(_)) => "One pass that was handed out before ends by itself by then.".to_owned(),
        (1, None) => "One pass was handed out before; nobody knows when it ends.".to_owned(),
        (many, Some(_)) => format!("{many} passes that were handed out before end by themselves by then."),
        (many, None) => format!("{many} passes were handed out before; nobody knows when the last one ends."),
    }
}
