//! Why an issuer gave us nothing, told apart by what follows from it. Decides nothing that follows.

use super::error_word::Need;
use crate::load::Crowded;

/// Why an issuer gave us nothing. Holds the issuer's error words, never its answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerFault {
    /// Not reached, or turned away (429, 503, a firewall): nothing was done there; try again.
    #[error("{0}")]
    Unavailable(String, Option<i64>),
    /// The request went out and no whole answer came: it may have been carried out there.
    #[error("{0}")]
    Unanswered(String),
    /// The grant is dead: `invalid_grant`, by its word and at any status.
    #[error("the issuer says invalid_grant: {0}")]
    InvalidGrant(String),
    /// Our credentials are wrong: the operator's to mend.
    #[error("the issuer refuses the client: {0}")]
    InvalidClient(String),
    /// The person must do something there before it gives anything more.
    #[error("the issuer says {}: {description}", <&str>::from(*.need))]
    PersonNeeded { need: Need, description: String },
    /// Another OAuth error word. `of_the_grant`: it may mean this grant, and not how the client asks.
    #[error("the issuer says {error}: {description}")]
    Refused { error: String, description: String, of_the_grant: bool },
    /// It answered something that cannot be used.
    #[error("{0}")]
    Odd(String),
    /// An identity answer that must not be believed.
    #[error("{0}")]
    Untrusted(String),
    /// An identity answer of which nobody can tell now: it may be good.
    #[error("{0}")]
    Unverified(String),
}

impl From<Crowded> for IssuerFault {
    fn from(Crowded: Crowded) -> Self {
        Self::Unavailable("as many wait for it already as may".to_owned(), Some(1))
    }
}

#[must_use]
pub fn untrusted(reason: &str) -> IssuerFault {
    IssuerFault::Untrusted(reason.to_owned())
}
