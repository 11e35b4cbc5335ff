//! What an answer says of itself to the edge, beside what it says to the client: whichever wire it went out on, a
//! refusal is counted in one place, and no verb knows of addresses or metrics.

use axum::response::Response;

use crate::error::Error;
use crate::limits::limited::Limited;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// No credential, or one that is not accepted.
    Credential,
    Limited(Limited),
    Overloaded,
}

impl Rejection {
    #[must_use]
    pub const fn of(error: &Error) -> Option<Self> {
        match error {
            Error::NotAuthed
            | Error::InvalidAuth
            | Error::InvalidClient
            | Error::ResourceServerRefused
            | Error::BearerRefused => Some(Self::Credential),
            Error::RateLimited { limit, .. } => Some(Self::Limited(*limit)),
            Error::Overloaded => Some(Self::Overloaded),
            _ => None,
        }
    }

    /// Puts it onto the answer of this failure. It stays inside the process.
    pub fn put(error: &Error, response: &mut Response) {
        if let Some(rejection) = Self::of(error) {
            response.extensions_mut().insert(rejection);
        }
    }

    /// The reason by which the metrics count a request that was turned away unserved.
    #[must_use]
    pub const fn turned_away(self) -> Option<&'static str> {
        match self {
            Self::Overloaded => Some("overloaded"),
            Self::Limited(Limited::Key) => Some("key"),
            Self::Limited(Limited::Failures) => Some("failures"),
            Self::Limited(Limited::SubjectTokens) => Some("subject_tokens"),
            Self::Limited(Limited::SignIns) => Some("sign_ins"),
            Self::Limited(Limited::Connects) => Some("connects"),
            Self::Limited(Limited::SessionTokens) => Some("session_tokens"),
            Self::Credential => None,
        }
    }
}
