//! The states of a connection and why it may need somebody. Pure: reads no clock and no database.
//!
//! ```text
//! active ── lease ──> refreshing ── answer ──> active
//!                         ├── no answer ─────> in_doubt ── lease ──> refreshing
//!                         ├── try later ─────> backoff  ── lease ──> refreshing
//!                         ├── invalid_client ─> misconfigured ── lease ──> refreshing
//!                         └── invalid_grant ─> needs_reconnect ── consent ──> active
//! any live state ── revoke ──> revoking ── issuer told ──> revoked
//! ```

use super::Connection;
use crate::clock::Timestamp;
use crate::issuer::IssuerFault;

#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::Display,
    strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    Active,
    /// Means something only while the lease lives.
    Refreshing,
    /// A refresh was sent and its answer is not known.
    InDoubt,
    /// The issuer could not be used, and the access token is about to run out or has; `retry_at` says when to try
    /// again. While the token lives on, the connection stays as it was.
    Backoff,
    /// The grant is dead at the issuer; only the person can mend it.
    NeedsReconnect,
    /// The issuer refuses the app's credentials; only the operator can mend it.
    Misconfigured,
    /// Ended here; the issuer is still to be told.
    Revoking,
    Revoked,
}

impl Status {
    /// Whether something may still come of it.
    #[must_use]
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Revoking | Self::Revoked)
    }
}

/// Why a connection is not simply active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Cause {
    /// The issuer says that the grant is no more.
    RevokedUpstream,
    /// The answer that carried the successor of a rotating refresh token never reached us.
    RotationLost,
    /// The grant had run out at the issuer: it was too old, or unused for too long.
    Expired,
    /// The issuer never gave a refresh token, and the access token has run out.
    NoRefreshToken,
    /// The issuer refuses the app's client id or secret.
    ClientRefused,
    /// The database is a restored copy, since which the refresh token may have been spent.
    RestoredCopy,
    /// Revoked here only: at the issuer, another live connection of the person would have ended with it.
    SharedGrant,
    /// Revoked here only: the issuer was told for a month and never confirmed.
    Unconfirmed,
}

impl Cause {
    /// For a person, in the middle of a sentence.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::RevokedUpstream => "the permission was ended at the other service.",
            Self::RotationLost => "an answer of the other service was lost on its way.",
            Self::Expired => "the permission had run out at the other service.",
            Self::NoRefreshToken => "the other service gave a permission that has run out.",
            Self::RestoredCopy => "the data here was restored from an older copy.",
            Self::SharedGrant => "another connection holds the same permission.",
            Self::Unconfirmed => "the other service never confirmed that it was ended.",
            Self::ClientRefused => {
                "the other service refuses the app's credentials; its operator must correct them."
            }
        }
    }
}

/// What to do for somebody who wants a token now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Hand out the access token as it is.
    Serve,
    /// Ask the issuer for another one first.
    Refresh,
    /// There is nothing to hand out and nothing to ask for.
    Refuse,
}

/// How much life a token must have, and whether a new one is wanted whatever its life.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    pub min_ttl: i64,
    pub force_refresh: bool,
}

/// Seconds after a refresh during which `force_refresh` is already fulfilled.
pub const FORCED_ALREADY: i64 = 30;

/// Decides for one read of the row.
#[must_use]
pub fn decide(connection: &Connection, demand: Demand, now: Timestamp) -> Step {
    if matches!(connection.status, Status::NeedsReconnect | Status::Revoking | Status::Revoked) {
        return Step::Refuse;
    }
    let just_refreshed = connection.refreshed_at.is_some_and(|at| at.plus(FORCED_ALREADY) > now);
    let forced = demand.force_refresh && !just_refreshed;
    if connection.outlives(now, demand.min_ttl) && !forced {
        return Step::Serve;
    }
    // A token that a refresh has just brought is the best there is, however short its life.
    if just_refreshed && connection.outlives(now, 0) {
        return Step::Serve;
    }
    if connection.refresh_token.is_none() {
        return if connection.outlives(now, 0) && !forced { Step::Serve } else { Step::Refuse };
    }
    let waiting = connection.retry_at.is_some_and(|at| at > now);
    match (waiting, connection.outlives(now, 0)) {
        (false, _) => Step::Refresh,
        (true, true) => Step::Serve,
        (true, false) => Step::Refuse,
    }
}

/// Where a refresh that failed leaves the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setback {
    pub status: Status,
    pub cause: Option<Cause>,
    /// Seconds to wait before the issuer is asked again; None when asking again is of no use.
    pub wait: Option<i64>,
    /// Whether the intent stays open, because the request may have been carried out.
    pub in_doubt: bool,
}

/// Judges a failed refresh. `doubted` says that an earlier one of this generation went unanswered; `failures`
/// counts those in a row. Only the issuer's own `invalid_grant` ends a grant.
#[must_use]
pub fn set_back(fault: &IssuerFault, doubted: bool, failures: i64) -> Setback {
    // 5 s, 10 s, 20 s, 30 s: an issuer in trouble is spared by its circuit, and one that is well again need not wait.
    let wait = (5 * (1 << failures.clamp(0, 3))).min(30);
    match fault {
        IssuerFault::InvalidGrant(_) => Setback {
            status: Status::NeedsReconnect,
            cause: Some(if doubted { Cause::RotationLost } else { Cause::RevokedUpstream }),
            wait: None,
            in_doubt: false,
        },
        IssuerFault::InvalidClient(_) => Setback {
            status: Status::Misconfigured,
            cause: Some(Cause::ClientRefused),
            wait: Some(wait.max(60)),
            in_doubt: doubted,
        },
        IssuerFault::Unanswered(_) | IssuerFault::Odd(_) => {
            Setback { status: Status::InDoubt, cause: None, wait: Some(wait), in_doubt: true }
        }
        IssuerFault::Unavailable(_, said) => Setback {
            status: Status::Backoff,
            cause: None,
            wait: Some(said.unwrap_or(wait)),
            in_doubt: doubted,
        },
        IssuerFault::Refused { .. } | IssuerFault::Untrusted(_) => {
            Setback { status: Status::Backoff, cause: None, wait: Some(wait), in_doubt: doubted }
        }
    }
}
