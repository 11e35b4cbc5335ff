//! When a JWT of an app's issuer was given, and whether it can be of a connection. Pure: verifies no token and reads no clock.

use super::Connection;
use crate::clock::Timestamp;
use crate::issuer::claims::{self, Claims, SKEW};

/// What a verified token says of its own age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenTimes {
    pub issued_at: Timestamp,
    pub signed_in: SignedIn,
}

/// When the person last signed in at the issuer, before the token was given. A token that an app renews by itself says the
/// same as the one before it. RFC 9068 section 2.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedIn {
    At(Timestamp),
    /// It says nothing.
    Unsaid,
    /// `auth_time` is no date, or a later one than `iat`.
    Unusable,
}

impl TokenTimes {
    /// None for a token that does not say when it was given.
    #[must_use]
    pub fn of(claims: &Claims, issued_at: Option<Timestamp>) -> Option<Self> {
        let issued_at = issued_at?;
        let signed_in = match claims::numeric_date(claims, "auth_time") {
            Ok(None) => SignedIn::Unsaid,
            Ok(Some(at)) if (0..=issued_at.plus(SKEW).unix()).contains(&at) => {
                SignedIn::At(Timestamp::from_unix(at))
            }
            Ok(Some(_)) | Err(_) => SignedIn::Unusable,
        };
        Some(Self { issued_at, signed_in })
    }

    /// Whether it can be of this connection, and not of one that was stopped before. Seconds are the finest that a token
    /// says: one of the second of a stop may be from before it.
    #[must_use]
    pub fn are_of(self, connection: &Connection) -> bool {
        if connection.direct {
            // Whichever of an app's tokens is seen first, the others are as good.
            return self.make_direct_after(connection.last_stop_at);
        }
        self.issued_at.plus(SKEW) >= connection.connected_at
            && connection.last_stop_at.is_none_or(|stop| self.issued_at > stop)
    }

    /// Whether it may make a connection to which nobody agreed here. Once its person has stopped the app, only a later
    /// sign-in does: the app renews its tokens without them.
    #[must_use]
    pub fn make_direct_after(self, last_stop: Option<Timestamp>) -> bool {
        match (last_stop, self.signed_in) {
            (_, SignedIn::Unusable) | (Some(_), SignedIn::Unsaid) => false,
            (None, _) => true,
            (Some(stop), SignedIn::At(at)) => at > stop && self.issued_at > stop,
        }
    }

    /// Since when the app may have been allowed what it does. What nobody knows counts as long ago, so that every freeze and
    /// revoke of what is older than some moment covers it.
    #[must_use]
    pub const fn agreed_at(self) -> Timestamp {
        match self.signed_in {
            SignedIn::At(at) => at,
            SignedIn::Unsaid | SignedIn::Unusable => Timestamp::from_unix(0),
        }
    }
}
