//! Where the answer to a refresh leaves the connection: what failed and what was flawed. Pure: reads no clock and no
//! database.

use crate::clock::Timestamp;
use crate::connection::due::BETWEEN_REFRESHES;
use crate::connection::status::{Cause, Flaw, Status};
use crate::issuer::IssuerFault;
use crate::issuer::error_word::Need;

/// Where an answer that brought tokens leaves the connection.
#[must_use]
pub const fn settled(flaw: Option<Flaw>) -> (Status, Option<Cause>) {
    match flaw {
        None => (Status::Active, None),
        Some(Flaw::AccessToken) => (Status::Backoff, Some(Cause::UnusableToken)),
        Some(Flaw::RefreshToken) => (Status::InDoubt, None),
        Some(Flaw::Identity) => (Status::NeedsReconnect, Some(Cause::IdentityChanged)),
    }
}

/// Seconds until an issuer is asked again whose last access token could not be handed out: doubled each time, up to an
/// hour. `failures` counts those in a row before.
#[must_use]
pub fn wait_for_a_usable_token(failures: i64) -> i64 {
    (60_i64 << failures.clamp(0, 6)).min(3600)
}

/// Refusals by an unknown word after which the grant is over, and over how many seconds.
const REFUSALS: i64 = 3;

const REFUSED_FOR: i64 = 3600;

/// Whether one more refusal by an unknown word would end the grant, given that the issuer gives others theirs.
#[must_use]
pub fn is_refused_for_good(refusals: i64, since: Option<Timestamp>, now: Timestamp) -> bool {
    refusals + 1 >= REFUSALS && since.is_some_and(|since| since.plus(REFUSED_FOR) <= now)
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
    /// Whether it counts as a refusal of this grant by an unknown word.
    pub refused: bool,
}

/// Judges a failed refresh. `doubted` says that an earlier one of this generation went unanswered; `failures`
/// counts those in a row; `for_good` says that one more refusal by an unknown word is one too many. Nothing but the
/// issuer's own word ends a grant, and no word at a status that is the server's fault, but for a dead one.
#[must_use]
pub fn set_back(fault: &IssuerFault, doubted: bool, failures: i64, for_good: bool) -> Setback {
    // 5 s, 10 s, 20 s, 30 s: an issuer in trouble is spared by its circuit, and one that is well again need not wait.
    let wait = (5 << failures.clamp(0, 3)).min(30);
    let later =
        Setback { status: Status::Backoff, cause: None, wait: Some(wait), in_doubt: doubted, refused: false };
    let over = |cause| Setback {
        status: Status::NeedsReconnect,
        cause: Some(cause),
        wait: None,
        in_doubt: false,
        refused: false,
    };
    match fault {
        IssuerFault::InvalidGrant(_) => {
            over(if doubted { Cause::RotationLost } else { Cause::RevokedUpstream })
        }
        IssuerFault::PersonNeeded { need, .. } => over(match need {
            Need::InteractionRequired => Cause::InteractionRequired,
            Need::LoginRequired => Cause::LoginRequired,
            Need::ConsentRequired => Cause::ConsentRequired,
            Need::MfaRequired => Cause::MfaRequired,
        }),
        IssuerFault::Refused { of_the_grant: true, .. } if for_good => {
            Setback { refused: true, ..over(if doubted { Cause::RotationLost } else { Cause::Refused }) }
        }
        // Up to a quarter of an hour: what is refused by a word is hardly given a moment later.
        IssuerFault::Refused { of_the_grant, .. } => {
            let wait = (BETWEEN_REFRESHES << failures.clamp(0, 5)).min(900);
            Setback { wait: Some(wait), refused: *of_the_grant, ..later }
        }
        IssuerFault::InvalidClient(_) => Setback {
            status: Status::Misconfigured,
            cause: Some(Cause::ClientRefused),
            wait: Some(wait.max(60)),
            ..later
        },
        IssuerFault::Unanswered(_) => Setback { status: Status::InDoubt, in_doubt: true, ..later },
        IssuerFault::Odd(_) => {
            Setback { status: Status::InDoubt, in_doubt: true, wait: Some(BETWEEN_REFRESHES), ..later }
        }
        IssuerFault::Unavailable(_, said) => Setback { wait: Some(said.unwrap_or(wait)), ..later },
        IssuerFault::Untrusted(_) | IssuerFault::Unverified(_) => later,
    }
}
