//! One refresh as a pure function: (state, event) -> (state, effect). Production carries the effects out; the promises
//! drive the same function against a model of database and issuer, through every interleaving and crash. Knows no
//! secret, no clock and no database.
//!
//! ```text
//! Leasing ── leased ──> Asking ── answered ──> Storing ── stored ──> over
//!    │ └─ holder gone ─> TakingOver ── leased ──> Asking …
//!    │                    │ ▲                     ├─ failed, slow ──> Rescuing ──> Waiting ──> Storing …
//!    │ held, moved        │ │ once more           ├─ revoked meanwhile ──> Keeping ──> over
//!    ▼                    │ │                     └─ moved on ──> Revoking ──> over
//!  over                   │ Waiting
//!                         ├── invalid_grant ──> Confirming (somebody was quicker? ──> over)
//!                         │                         └─ twice, with an overlap ──> Recalling ── answered ──> Storing
//!                         ├── unanswered, with an overlap ──> Asking once more
//!                         └── else ──> SettingBack ──> Releasing ──> over
//! ```

use std::time::Duration;

use super::set_back::{Setback, set_back};
use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::connection::due::DEFAULT_MIN_TTL;
use crate::connection::status::{Cause, Status};
use crate::issuer::IssuerFault;
use crate::issuer::calls::Urgency;
use crate::issuer::profile::{Profile, Reach};
use crate::replicas::holders::Holder;

/// What of an issuer's habits decides a refresh, and how much is at stake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The issuer takes a spent refresh token once more for a while, so asking again heals a lost answer.
    pub overlap: bool,
    /// How often an answer that did not come is asked for once more at once.
    pub repeats: u8,
    /// Seconds after which a lost answer is asked for again, so that the overlap still heals it.
    pub ask_again_after: Option<i64>,
    /// Seconds that the access token still lives; 0 when it does not.
    pub live_for: i64,
    /// What dies there when one refresh token is revoked.
    pub reach: Reach,
    /// The issuer has refused this grant for so long, while it gave others theirs, that one refusal more ends it.
    pub refused_for_good: bool,
    /// By the issuer's habits the refresh token has run out, so that no word of it being dead is a surprise.
    pub run_out: bool,
}

/// The right to refresh one generation, as it was written before the first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    pub fence: i64,
    /// An earlier refresh of this generation went unanswered.
    pub doubted: bool,
    pub failures: i64,
}

/// A lease that another process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    pub holder: Holder,
    /// Even if its holder has spent the token, the issuer takes that once more for now.
    pub overlap_lasts: bool,
}

impl Held {
    /// While the overlap lasts, to show the token twice does no harm, so whoever does not answer is not waited for. After
    /// it, and where there is none, it would be theft: then only of a process that can have no call under way, and that was
    /// away for long enough to come back and store what its journal holds.
    #[must_use]
    pub const fn may_be_taken_over(self) -> bool {
        match self.holder {
            Holder::Answers => false,
            Holder::Silent | Holder::Gone => self.overlap_lasts,
            Holder::LongGone => true,
        }
    }
}

/// What was asked of the issuer under one lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Asked {
    /// So often it did not answer.
    pub unanswered: u8,
    /// It said `invalid_grant`.
    pub refused: bool,
}

/// Where a refresh stands: each state waits for the outcome of one effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Leasing,
    /// The lease of a process that does not answer becomes ours.
    TakingOver,
    Asking(Lease, Asked),
    Confirming(Lease, Asked),
    /// Before the issuer is asked once more.
    Pausing(Lease, Asked),
    /// What it gave last is refused: perhaps what it replaced still works.
    Recalling(Lease, Asked),
    /// The answer is here; how often storing it has failed, and whether it is in the journal.
    Storing(u32, bool),
    Rescuing(u32),
    /// Before it is stored once more.
    Waiting(u32, bool),
    Keeping,
    Revoking,
    SettingBack,
    Releasing,
    /// Stored at last; the journal need not hold it any more.
    Tidying,
}

/// What is to be done next. Each is one statement, one request or one wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Lease, fence and intent in one durable statement.
    Lease,
    /// The same, over the lease that was found.
    TakeOver,
    /// Present the refresh token, once.
    Ask,
    /// Present the refresh token before it, once; as good as refused when there is none.
    AskPrevious,
    /// Read the row again.
    Read,
    Pause(Duration),
    /// Store the answer: it counts for the generation whose token was spent.
    Store,
    /// Append the answer, sealed, to the rescue journal and sync it.
    Rescue,
    /// Take the answer out of the journal.
    Tidy,
    /// On a row that was revoked meanwhile, keep the new token until the issuer has been told of it.
    KeepLate,
    /// Give up a token that no row will hold: the issuer is told now, or when what may end with it is stopped.
    RevokeLate,
    SetBack(Setback),
    /// End the lease of a row that was revoked meanwhile.
    Release,
}

/// How an effect turned out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Leased(Lease),
    /// Another process holds the lease.
    Held(Held),
    Answered,
    Refused(IssuerFault),
    Row(Row),
    Stored,
    /// It is still being stored: the database takes its time, and nobody knows how long.
    Slow,
    Done,
    /// The database did not answer, or did not say that it was done.
    Failed,
}

/// A row, compared with the token that was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Row {
    /// Live, and it still holds the spent token.
    HoldsTheSpent,
    /// Being revoked, at the generation of the spent token.
    Revoking,
    /// It holds what we brought: it was stored though that was not heard.
    HoldsOurs,
    /// Somebody else's refresh with the same spent token was stored before.
    Refreshed,
    /// A new consent took the grant's place.
    Renewed,
    /// Revoked, and the issuer told; or not there.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The row says what came of it.
    Done,
    /// Another process holds the lease.
    HeldElsewhere,
    /// Nothing was sent, for the database did not answer.
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Go(State, Effect),
    Over(Outcome),
}

/// Before `invalid_grant` is believed.
const CONFIRM_AFTER: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Whether a refresh is asked for though its issuer fails: an overlap heals what was lost, if it is asked for in time.
#[must_use]
pub fn urgency(connection: &Connection, profile: &Profile, now: Timestamp) -> Urgency {
    let in_doubt = matches!(connection.status, Status::InDoubt | Status::Refreshing);
    let heals = connection.intent_at.zip(profile.haste_since(now)).is_some_and(|(at, since)| at > since);
    if in_doubt && heals { Urgency::InDoubt } else { Urgency::Usual }
}

#[must_use]
pub const fn begin() -> (State, Effect) {
    (State::Leasing, Effect::Lease)
}

/// An event that a state does not wait for changes nothing: the refresh is over, and the row tells the rest.
#[must_use]
pub fn advance(state: State, event: &Event, terms: Terms) -> Next {
    use Next::{Go, Over};
    match (state, event) {
        (State::Leasing | State::TakingOver, Event::Leased(lease)) => {
            Go(State::Asking(*lease, Asked::default()), Effect::Ask)
        }
        (State::Leasing, Event::Held(held)) if held.may_be_taken_over() => {
            Go(State::TakingOver, Effect::TakeOver)
        }
        // While it was being taken over, somebody else was quicker.
        (State::Leasing | State::TakingOver, Event::Held(_)) => Over(Outcome::HeldElsewhere),
        (State::Leasing | State::TakingOver, Event::Failed) => Over(Outcome::Failed),

        // Whatever became of it, what replaces a spent token is stored.
        (State::Asking(..) | State::Recalling(..), Event::Answered) => {
            Go(State::Storing(0, false), Effect::Store)
        }
        (State::Asking(lease, asked), Event::Refused(IssuerFault::InvalidGrant(_))) => {
            Go(State::Confirming(lease, asked), Effect::Read)
        }
        (State::Asking(lease, asked), Event::Refused(IssuerFault::Unanswered(_) | IssuerFault::Odd(_)))
            if asked.unanswered < terms.repeats =>
        {
            Go(State::Asking(lease, Asked { unanswered: asked.unanswered + 1, ..asked }), Effect::Ask)
        }
        (State::Asking(lease, asked) | State::Recalling(lease, asked), Event::Refused(fault)) => {
            back(lease, asked, fault, terms)
        }

        (State::Confirming(lease, asked), Event::Row(Row::HoldsTheSpent)) if !asked.refused => {
            Go(State::Pausing(lease, Asked { refused: true, ..asked }), Effect::Pause(CONFIRM_AFTER))
        }
        // An issuer that was set back, or whose last answer was odd, may know what came before; one without an
        // overlap would take it for theft.
        (State::Confirming(lease, asked), Event::Row(Row::HoldsTheSpent)) if terms.overlap => {
            Go(State::Recalling(lease, asked), Effect::AskPrevious)
        }
        (State::Confirming(lease, asked), Event::Row(Row::HoldsTheSpent)) => {
            back(lease, asked, &IssuerFault::InvalidGrant(String::new()), terms)
        }
        // Not known to be dead: it is asked again later.
        (State::Confirming(lease, asked) | State::Recalling(lease, asked), Event::Failed) => back(
            lease,
            asked,
            &IssuerFault::Unavailable("the database did not answer".to_owned(), None),
            terms,
        ),
        (State::Pausing(lease, asked), Event::Done) => Go(State::Asking(lease, asked), Effect::Ask),

        (State::Storing(_, true), Event::Stored | Event::Row(Row::HoldsOurs)) => {
            Go(State::Tidying, Effect::Tidy)
        }
        (State::Storing(failed, rescued), Event::Row(Row::HoldsTheSpent)) => {
            Go(State::Storing(failed, rescued), Effect::Store)
        }
        (State::Storing(..), Event::Row(Row::HoldsOurs)) => Over(Outcome::Done),
        (State::Storing(..), Event::Row(Row::Revoking)) => Go(State::Keeping, Effect::KeepLate),
        // Twice in a row is no hiccup: from now on a crash must not lose it.
        (State::Storing(failed @ 1.., false), Event::Failed)
        | (State::Storing(failed, false), Event::Slow) => Go(State::Rescuing(failed + 1), Effect::Rescue),
        (State::Storing(failed, true), Event::Slow) => Go(State::Storing(failed, true), Effect::Store),
        (State::Storing(failed, rescued), Event::Failed) => wait(failed + 1, rescued),
        (State::Rescuing(failed), Event::Done) => wait(failed, true),
        // The journal's disk fails as well: all that is left is to go on trying.
        (State::Rescuing(failed), Event::Failed) => wait(failed, false),
        (State::Waiting(failed, rescued), Event::Done) => Go(State::Storing(failed, rescued), Effect::Store),

        (State::Storing(..) | State::Keeping, Event::Row(row)) => late(*row, terms),
        // Should it have been revoked meanwhile, the issuer is to be told of it now.
        (State::SettingBack, _) | (State::Confirming(..), Event::Row(Row::Revoking)) => {
            Go(State::Releasing, Effect::Release)
        }
        _ => Over(Outcome::Done),
    }
}

/// A token that no row will hold must not live on at the issuer. One of the same family as the row's, because it came from
/// the same spent token, ends with that.
const fn late(row: Row, terms: Terms) -> Next {
    match (terms.reach, row) {
        (Reach::None, _) | (Reach::Family, Row::Refreshed | Row::HoldsOurs | Row::HoldsTheSpent) => {
            Next::Over(Outcome::Done)
        }
        _ => Next::Go(State::Revoking, Effect::RevokeLate),
    }
}

fn wait(failed: u32, rescued: bool) -> Next {
    let pause = Duration::from_millis(50 << failed.min(7)).min(LONGEST_WAIT);
    Next::Go(State::Waiting(failed, rescued), Effect::Pause(pause))
}

fn back(lease: Lease, asked: Asked, fault: &IssuerFault, terms: Terms) -> Next {
    let mut setback =
        set_back(fault, lease.doubted || asked.unanswered > 0, lease.failures, terms.refused_for_good);
    if setback.in_doubt && !terms.overlap {
        // To ask again may end the whole family there; nobody needs it while the access token lives.
        setback.wait = setback.wait.map(|wait| wait.max(terms.live_for));
    }
    // What was answered waits as it is told to; what was lost is asked for again while that heals it.
    let lost = matches!(fault, IssuerFault::Unanswered(_) | IssuerFault::Unavailable(_, None));
    if let Some(soon) = terms.ask_again_after.filter(|_| setback.in_doubt && lost) {
        setback.wait = setback.wait.map(|wait| wait.min(soon));
    }
    if setback.status == Status::Backoff && !setback.in_doubt && terms.live_for > DEFAULT_MIN_TTL {
        // Nothing has changed for anybody: it is only tried again later.
        setback.status = Status::Active;
    }
    if terms.run_out && matches!(fault, IssuerFault::InvalidGrant(_)) {
        setback.cause = Some(Cause::Expired);
    }
    Next::Go(State::SettingBack, Effect::SetBack(setback))
}
