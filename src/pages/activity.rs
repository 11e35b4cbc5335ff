//! What happened to a connection, in its person's words. Tells no reason of an operator's.

use crate::clock::Timestamp;
use crate::freeze::selection::OPERATOR;
use crate::ledger::{Action, Line};
use crate::web::view::Time;

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Event {
    pub at: Time,
    pub sentence: String,
}

/// One line of activity, in a person's words.
pub fn event(line: &Line, issuer: &str, now: Timestamp) -> Event {
    let caller = line.caller.as_deref().unwrap_or("The app itself");
    let sentence = match line.action {
        Action::Connected => "You connected this app.".to_owned(),
        Action::ConnectedDirectly => {
            "This app began to work in your name: you had signed in at it.".to_owned()
        }
        Action::Reconnected => "You connected this app again.".to_owned(),
        Action::Switched => "You let this app act as another account.".to_owned(),
        Action::HandOut if line.environment_id.is_some() => {
            format!("{caller} was let into your content {}.", times(line.times))
        }
        Action::HandOut => format!("{caller} used this connection {}.", times(line.times)),
        Action::Refreshed => format!("{issuer} renewed the access."),
        Action::RefreshFailed => format!("{issuer} did not renew the access; it will be asked again."),
        Action::NeedsReconnect => format!("{issuer} gives nothing more. Connect again to go on."),
        Action::ConsentChanged => "You changed for how long or where it may act.".to_owned(),
        Action::RevokeRequested if line.actor == "attache" => {
            "The time that you gave it was over.".to_owned()
        }
        Action::RevokeRequested => match (&line.caller, line.actor == OPERATOR) {
            (Some(caller), _) => format!("{caller} ended this connection."),
            (None, true) => "An administrator stopped this app.".to_owned(),
            (None, false) => "You stopped this app.".to_owned(),
        },
        Action::Frozen if line.actor == OPERATOR => "An administrator held this app.".to_owned(),
        Action::Frozen => "You paused this app.".to_owned(),
        Action::Unfrozen if line.actor == OPERATOR => "An administrator let this app go on.".to_owned(),
        Action::Unfrozen => "You resumed this app.".to_owned(),
        Action::RevokeConfirmed => format!("{issuer} confirmed that it is stopped."),
        Action::ConnectRefused => {
            format!("You agreed at {issuer}, and it could not be used. Nothing was changed.")
        }
        Action::SignedIn => "You signed in here.".to_owned(),
        Action::SignedOut => "You signed out here.".to_owned(),
        Action::KeyCreated => format!("An administrator gave {caller} a key."),
        Action::KeyRevoked => format!("An administrator took a key from {caller}."),
        Action::ContentTokenRevoked => "One access to your content was ended before its time.".to_owned(),
        Action::ResourceServerCreated => {
            "An administrator let a content platform ask about its tokens.".to_owned()
        }
        Action::ResourceServerRevoked => {
            "An administrator stopped a content platform from asking about its tokens.".to_owned()
        }
        Action::MassRevokeBegun => {
            "An administrator began to stop many apps, this one among them.".to_owned()
        }
        Action::MassRevokeEnded => "An administrator has stopped many apps, this one among them.".to_owned(),
        Action::AccountDeleted => "The account was deleted.".to_owned(),
        Action::AccountErased => "What was left of the deleted account was removed.".to_owned(),
        Action::PublicAccessChanged => {
            "An administrator changed what anybody may do at an environment.".to_owned()
        }
        Action::PermanentTokenCreated => "An administrator made a permanent token.".to_owned(),
        Action::PermanentTokenRevoked => "An administrator revoked a permanent token.".to_owned(),
        Action::CallerPermitted => format!("An administrator let {caller} do something by itself."),
        Action::ConnectSessionMade => format!("{caller} was given a link for one of its people."),
        Action::ConnectSessionDeclined => "Somebody said that a link was not for them.".to_owned(),
        Action::CallerForbidden => format!("An administrator took back what {caller} may do by itself."),
    };
    Event { at: Time::of(line.last_at, now), sentence }
}

/// "once", "3 times".
pub fn times(times: impl Into<i128>) -> String {
    match times.into() {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    }
}
