//! An issuer's failure during a consent, in words for the person. Judges nothing.

use crate::app::App;
use crate::error::{ConnectFault, Error};
use crate::issuer::IssuerFault;

/// An issuer's failure during a consent, in words for the person.
pub(crate) fn issuer_fault(app: &App, fault: IssuerFault) -> Error {
    let name = app.issuer.name.clone();
    tracing::warn!(app = app.key, issuer = app.issuer.key, %fault, "a consent failed at the issuer");
    match fault {
        IssuerFault::Unavailable(_, retry_after) => {
            Error::IssuerUnavailable { issuer: name, retry_after: retry_after.unwrap_or(10) }
        }
        IssuerFault::Unanswered(_) => Error::IssuerUnavailable { issuer: name, retry_after: 10 },
        IssuerFault::InvalidClient(_) => Error::Misconfigured { issuer: name },
        IssuerFault::Untrusted(why) | IssuerFault::Unverified(why) | IssuerFault::Odd(why) => {
            ConnectFault::Issuer(format!(
                "{name} gave an answer that cannot be used: {why}. Nothing was stored."
            ))
            .into()
        }
        refused => {
            ConnectFault::Issuer(format!("{name} did not accept the consent: {refused}. Try again.")).into()
        }
    }
}
