//! What is wrong with a connection, in one sentence for the person: who is at fault, and what happens next.

use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::connection::freeze::Standing;
use crate::connection::state::{Cause, Status};

/// None when nothing is.
#[must_use]
pub fn sentence(connection: &Connection, standing: Standing, issuer: &str, now: Timestamp) -> Option<String> {
    let stopped = match standing {
        Standing::Free | Standing::Ending => None,
        Standing::PausedByYou => Some("It is given nothing until you let it go on. Nothing is lost."),
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
            let cause = connection.cause.unwrap_or(Cause::RevokedUpstream).sentence();
            Some(format!("{issuer} gives nothing more: {cause} Reconnect to go on; the app keeps its place."))
        }
    }
}
