//! What is wrong with a connection, in one sentence for the person: who is at fault, and what happens next.

use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::connection::status::{Cause, Status};
use crate::freeze::freezes::Standing;

/// None when nothing is.
#[must_use]
pub fn sentence(connection: &Connection, standing: Standing, issuer: &str, now: Timestamp) -> Option<String> {
    let stopped = match standing {
        Standing::Free | Standing::Ending => None,
        Standing::PausedByYou => Some("It is given nothing until you resume. Nothing is lost."),
        Standing::Held => Some(
            "Whoever runs this site has stopped it for now, and can let it go on. Nothing is lost, and there is nothing for \
             you to mend.",
        ),
    };
    if let Some(stopped) = stopped.filter(|_| connection.status != Status::NeedsReconnect) {
        return Some(stopped.to_owned());
    }
    let again = connection.retry_at.filter(|at| *at > now);
    let again = again.map_or_else(|| "when an app needs it".to_owned(), |at| at.human(now));
    let meanwhile = if connection.outlives(now, 0) {
        "Until then apps use what they were given before."
    } else {
        "Until then apps are told to wait."
    };
    match connection.status {
        Status::Active | Status::Refreshing | Status::Revoking | Status::Revoked => None,
        Status::InDoubt if connection.is_held_back() => Some(format!(
            "What is stored here was restored from an older copy, and whoever runs this site has not said yet that it is to be used. {meanwhile}"
        )),
        Status::InDoubt => Some(format!(
            "{issuer} was asked to renew the access, and its answer did not reach us. It is asked again {again}. {meanwhile}"
        )),
        Status::Backoff if connection.cause == Some(Cause::UnusableToken) => Some(format!(
            "{issuer} gives something that cannot be passed on to apps. That is not yours to mend. It is asked again {again}. {meanwhile}"
        )),
        Status::Backoff => Some(format!(
            "{issuer} could not renew the access just now. It is asked again {again}. {meanwhile}"
        )),
        Status::Misconfigured => Some(format!(
            "{issuer} refuses the app’s credentials. That is not yours to mend: whoever runs this site must correct them."
        )),
        Status::NeedsReconnect => {
            let why = what_happened(connection.cause, issuer);
            Some(format!("{why} Reconnect to go on. The app keeps its place, and nothing is lost."))
        }
    }
}

/// Why a connection needs its person, in a few words: the state in the list.
#[must_use]
pub fn why_you(cause: Option<Cause>, issuer: &str) -> String {
    match cause {
        Some(Cause::RevokedUpstream) => format!("access was ended at {issuer}"),
        Some(Cause::RotationLost) => format!("an answer of {issuer} was lost"),
        Some(Cause::Expired | Cause::NoRefreshToken) => format!("access ran out at {issuer}"),
        Some(Cause::Refused) => format!("{issuer} refuses to renew access"),
        Some(Cause::InteractionRequired) => format!("confirm something at {issuer}"),
        Some(Cause::LoginRequired) => format!("sign in again at {issuer}"),
        Some(Cause::ConsentRequired) => format!("agree again at {issuer}"),
        Some(Cause::MfaRequired) => format!("prove once more at {issuer} that it is you"),
        Some(Cause::IdentityChanged) => format!("{issuer} answered for another account"),
        Some(
            Cause::RestoredCopy
            | Cause::UnusableToken
            | Cause::ClientRefused
            | Cause::SharedGrant
            | Cause::Unconfirmed
            | Cause::SignsInByItself,
        )
        | None => format!("connect again at {issuer}"),
    }
}

/// The same as a sentence: what happened, and whose doing it was.
fn what_happened(cause: Option<Cause>, issuer: &str) -> String {
    match cause {
        Some(Cause::RevokedUpstream) => {
            format!(
                "{issuer} says that the access was ended there, by you or by somebody who looks after it."
            )
        }
        Some(Cause::RotationLost) => {
            format!(
                "An answer of {issuer} was lost on its way, so what is kept here is good no more. Nobody did anything wrong."
            )
        }
        Some(Cause::Expired) => {
            format!("The access ran out at {issuer}: it was too old, or not used for too long.")
        }
        Some(Cause::NoRefreshToken) => {
            format!("{issuer} gave access for a limited time, and that time is over.")
        }
        Some(Cause::Refused) => {
            format!("{issuer} refused to renew the access several times, and does not say why.")
        }
        Some(Cause::InteractionRequired) => format!("{issuer} wants you to confirm something there."),
        Some(Cause::LoginRequired) => format!("{issuer} wants you to sign in there again."),
        Some(Cause::ConsentRequired) => format!("{issuer} wants you to agree there again."),
        Some(Cause::MfaRequired) => format!("{issuer} wants a second proof that it is you."),
        Some(Cause::IdentityChanged) => format!(
            "{issuer} answered for another account than the one you connected. To be safe, nothing of that was passed on."
        ),
        Some(Cause::RestoredCopy) => format!(
            "What is kept here was restored from an older copy, and {issuer} does not take it any more."
        ),
        Some(
            Cause::UnusableToken
            | Cause::ClientRefused
            | Cause::SharedGrant
            | Cause::Unconfirmed
            | Cause::SignsInByItself,
        )
        | None => {
            format!("{issuer} gives nothing more.")
        }
    }
}
