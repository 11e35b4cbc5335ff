//! Who may use a connection: each rule once, in the order in which they are judged. Pure: reads no clock, no database and
//! no memory. Whatever decides is in the [`Facts`].

pub mod actor;
pub mod issued;
pub mod own;

use std::sync::Arc;

use super::facts::{Asker, Facts, Found, OfApp, Proof, Wanted};
use crate::Broker;
use crate::account::Account;
use crate::app::AppStatus;
use crate::caller::Caller;
use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::connection::allowed::Access;
use crate::connection::status::Status;
use crate::content::environment::Environment;
use crate::content::permission::{Action, Permissions};
use crate::error::Error;
use crate::freeze::selection::{Cover, Scope, Use};

/// Why something is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    UnknownKey,
    RevokedKey,
    CallerSuspended,
    NoConnection,
    /// Nobody has the access token that was shown, or it has run out.
    UnknownToken,
    /// An issuer gave the access token to two connections, so it stands for neither.
    SharedToken,
    /// A token of the app's issuer that was verified, from before the connection or before a stop.
    EarlierToken,
    /// Its app signs people in by itself, and no token of it was shown.
    TokenNotShown,
    /// The operator does not let the app show its own tokens any more.
    NotDirectAnyMore,
    /// It was handed to callers only that have no live key any more.
    HoldersWithoutKey,
    ConnectionEnded,
    ConsentOver,
    AppNotApproved,
    AppNotAllowed,
    Frozen,
    /// Only because the database is a restored copy. Holds the path at which the person agrees again.
    RestoredCopy(String),
    NeedsReconnect,
    AccountGone,
    /// There is no such environment, or it is not open to the app, to the person, or by the person's choice.
    EnvironmentClosed,
}

/// What may be used, and by whom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Authorized<'a> {
    /// None when no caller asks.
    pub caller: Option<&'a Arc<Caller>>,
    pub found: &'a Found,
}

/// Judges whoever asks, then the connection, then its freezes, then what it is wanted for.
///
/// # Errors
/// The first rule that is broken.
pub fn judge(facts: &Facts, now: Timestamp) -> Result<Authorized<'_>, Refusal> {
    let caller = asker(&facts.asker)?;
    let found = find(facts, now)?;
    usable(found, now)?;
    shown(facts, found)?;
    let by_caller = facts.asker.caller_id().is_some();
    if by_caller && !is_callers(&facts.asker, found) {
        return Err(Refusal::AppNotAllowed);
    }
    // An access token that stands for nobody is told nothing of freezes.
    if !by_caller {
        speaks_for_its_person(facts.wanted, found)?;
    }
    frozen(&facts.asker, found)?;
    speaks_for_its_person(facts.wanted, found)?;
    if facts.wanted == Wanted::Environment {
        let environment = facts.environment.as_deref().ok_or(Refusal::EnvironmentClosed)?;
        let account = found.account.as_deref().ok_or(Refusal::AccountGone)?;
        if permissions(environment, &found.app, account, &found.connection, now).is_none() {
            return Err(Refusal::EnvironmentClosed);
        }
    }
    Ok(Authorized { caller, found })
}

/// The caller that shows a key; None when it showed one before, or when no caller asks.
///
/// # Errors
/// Unknown, revoked and of a suspended caller are one answer to whoever asks.
pub fn asker(asker: &Asker) -> Result<Option<&Arc<Caller>>, Refusal> {
    let Asker::Key(key) = asker else { return Ok(None) };
    let key = key.as_ref().ok_or(Refusal::UnknownKey)?;
    if key.is_revoked {
        return Err(Refusal::RevokedKey);
    }
    if !key.caller_is_active {
        return Err(Refusal::CallerSuspended);
    }
    Ok(Some(&key.caller))
}

/// Whether the access token that was shown stands for a connection. One that does not may still be a JWT.
#[must_use]
pub fn stands(facts: &Facts, now: Timestamp) -> bool {
    find(facts, now).is_ok()
}

/// The one connection that is meant.
fn find(facts: &Facts, now: Timestamp) -> Result<&Found, Refusal> {
    let Some(hash) = &facts.token else { return facts.found.first().ok_or(Refusal::NoConnection) };
    // One that may not be used makes no other one doubtful.
    let stands = |found: &&Found| found.connection.stands_for(hash, now) && usable(found, now).is_ok();
    let mut standing = facts.found.iter().filter(stands);
    match (standing.next(), standing.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(Refusal::SharedToken),
        (None, _) => Err(Refusal::UnknownToken),
    }
}

/// Whether anybody may use it at all.
fn usable(found: &Found, now: Timestamp) -> Result<(), Refusal> {
    if !found.connection.is_live() {
        return Err(Refusal::ConnectionEnded);
    }
    if found.connection.consent_is_over(now) {
        return Err(Refusal::ConsentOver);
    }
    if !found.app.status.is_approved() {
        return Err(Refusal::AppNotApproved);
    }
    Ok(())
}

/// Whether what was shown can be of the connection, and is enough: nobody has agreed to a direct one here, so that it speaks
/// for its person only while the app has their token.
fn shown(facts: &Facts, found: &Found) -> Result<(), Refusal> {
    let connection = &found.connection;
    if connection.direct && !found.app.may_be_direct && facts.wanted.needs_account() {
        return Err(Refusal::NotDirectAnyMore);
    }
    match facts.proof {
        Proof::Verified(times) if !times.are_of(connection) => Err(Refusal::EarlierToken),
        Proof::Name if connection.direct && facts.wanted == Wanted::Environment => {
            Err(Refusal::TokenNotShown)
        }
        Proof::Name | Proof::Held | Proof::Verified(_) | Proof::Issued => Ok(()),
    }
}

fn is_callers(asker: &Asker, found: &Found) -> bool {
    let active = match asker {
        Asker::Caller { is_active, has_a_key, .. } => *is_active && *has_a_key,
        Asker::Key(_) | Asker::Nobody => true,
    };
    active && found.is_allowed
}

fn frozen(asker: &Asker, found: &Found) -> Result<(), Refusal> {
    let used = found.used_by(asker);
    let mut covering = found.freezes.iter().filter(|cover| cover.covers(used)).peekable();
    if covering.peek().is_none() {
        return Ok(());
    }
    // Why the connection is stopped is said before why its caller is.
    let mut of_connection = covering.filter(|cover| cover.selection.scope != Scope::Caller).peekable();
    if of_connection.peek().is_some() && of_connection.all(|cover| cover.is_of_a_copy()) {
        return Err(Refusal::RestoredCopy(found.connection.connect_path(&found.app.key)));
    }
    Err(Refusal::Frozen)
}

/// Whether it may stand for its person, where that is what it is wanted for.
fn speaks_for_its_person(wanted: Wanted, found: &Found) -> Result<(), Refusal> {
    if !wanted.needs_account() {
        return Ok(());
    }
    if found.connection.status == Status::NeedsReconnect {
        return Err(Refusal::NeedsReconnect);
    }
    if found.account.is_none() {
        return Err(Refusal::AccountGone);
    }
    Ok(())
}

/// A caller that wants to read of connections, and its apps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    pub is_active: bool,
    /// Those that it is allowed.
    pub apps: Vec<ReadersApp>,
    /// What the freezes of this caller cover.
    pub freezes: Vec<Cover>,
}

/// An app whose connections a caller may read, while it is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadersApp {
    pub id: String,
    pub key: String,
    pub status: AppStatus,
}

/// The apps whose connections a caller may read. One that is stopped altogether reads nothing.
pub fn readable(reader: &Reader) -> impl Iterator<Item = &ReadersApp> {
    let is_stopped = reader.freezes.iter().any(|cover| cover.selection.issued_before.is_none());
    let may = reader.is_active && !is_stopped;
    reader.apps.iter().filter(move |app| may && app.status.is_approved())
}

/// A caller that was handed an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub caller_id: String,
    pub is_active: bool,
    pub live_keys: i64,
    /// What the freezes of this caller cover.
    pub freezes: Vec<Arc<Cover>>,
}

impl Holder {
    fn has_a_live_key(&self) -> bool {
        self.is_active && self.live_keys > 0
    }

    fn is_frozen(&self, connection: &Connection) -> bool {
        // A caller's freeze names no issuer.
        let used = Use::of(connection, "", Some(&self.caller_id));
        self.freezes.iter().any(|cover| cover.covers(used))
    }
}

/// Refuses an access token that was handed to some, of whom none may use it any more.
///
/// # Errors
/// [`Refusal::HoldersWithoutKey`]; [`Refusal::Frozen`].
pub fn holders(holders: &[Holder], connection: &Connection) -> Result<(), Refusal> {
    if holders.is_empty() {
        return Ok(());
    }
    let mut keyed = holders.iter().filter(|holder| holder.has_a_live_key()).peekable();
    if keyed.peek().is_none() {
        return Err(Refusal::HoldersWithoutKey);
    }
    if keyed.all(|holder| holder.is_frozen(connection)) { Err(Refusal::Frozen) } else { Ok(()) }
}

/// What a content token may do: never more than the operator lets the account do there, than the app may do anywhere, and
/// than the person lets the app do there. None for nothing.
#[must_use]
pub fn permissions(
    environment: &Environment,
    app: &OfApp,
    account: &Account,
    connection: &Connection,
    now: Timestamp,
) -> Option<Permissions> {
    let access = access(environment, connection)?;
    let possible = can_be_given(environment, app, account, now)?;
    let of_all = match access {
        Access::Write => possible,
        Access::Read => possible.only([Action::Read]),
    };
    (!of_all.is_empty()).then_some(of_all)
}

/// The same before the person has chosen: what can be given there at the most. None for nothing.
#[must_use]
pub fn can_be_given(
    environment: &Environment,
    app: &OfApp,
    account: &Account,
    now: Timestamp,
) -> Option<Permissions> {
    if !environment.is_open_to(&app.key, account, now) {
        return None;
    }
    let bound = app.permissions.as_deref();
    if !environment.strategy.mints() {
        // Nothing narrows these tokens, so that an app with a bound gets none.
        let all = Permissions::all();
        return bound.is_none_or(|bound| bound.cover(&all)).then_some(all);
    }
    let of_account = environment.permissions_of(account, now);
    let of_both = bound.map_or_else(|| of_account.clone(), |bound| of_account.meet(bound));
    (!of_both.is_empty()).then_some(of_both)
}

/// What the tokens of an app may do there at the most, whoever they are for. None for nothing.
#[must_use]
pub fn at_most(environment: &Environment, app: &OfApp) -> Option<Permissions> {
    let all = environment.at_most(&app.key);
    let both = app.permissions.as_deref().map_or_else(|| all.clone(), |bound| all.meet(bound));
    let narrowed = !environment.strategy.mints() && !both.cover(&all);
    (!narrowed && !both.is_empty()).then_some(both)
}

/// What the person lets the app do there. Where another platform gives the tokens there is nothing to be chosen, and it gives
/// none without an access token to show.
#[must_use]
pub fn access(environment: &Environment, connection: &Connection) -> Option<Access> {
    if environment.strategy.mints() {
        return connection.allowed.at(&environment.id);
    }
    (!connection.direct).then_some(Access::Write)
}

impl Refusal {
    /// As whoever asks for a connection is told. Not there and not its own are the same answer.
    #[must_use]
    pub fn error(self, broker: &Broker) -> Error {
        match self {
            Self::UnknownKey | Self::RevokedKey | Self::CallerSuspended => Error::InvalidAuth,
            Self::NoConnection
            | Self::UnknownToken
            | Self::SharedToken
            | Self::EarlierToken
            | Self::TokenNotShown
            | Self::NotDirectAnyMore
            | Self::ConnectionEnded
            | Self::ConsentOver
            | Self::AppNotApproved
            | Self::AppNotAllowed => Error::ConnectionNotFound,
            Self::Frozen => Error::Frozen,
            Self::RestoredCopy(path) => Error::RestoredCopy { connect_url: broker.url(&path).to_string() },
            Self::NeedsReconnect | Self::AccountGone | Self::HoldersWithoutKey => {
                Error::subject_token_refused(self.why())
            }
            Self::EnvironmentClosed => Error::InvalidTarget,
        }
    }

    /// As whoever brings a subject token is told: the same for every reason, and the reason is logged.
    #[must_use]
    pub fn error_of_subject(self, broker: &Broker) -> Error {
        let why = self.why();
        match self.error(broker) {
            Error::ConnectionNotFound => Error::subject_token_refused(why),
            other => other,
        }
    }

    /// For the operator.
    const fn why(&self) -> &'static str {
        match self {
            Self::UnknownKey => "there is no such key",
            Self::RevokedKey => "its key was revoked",
            Self::CallerSuspended => "its caller is suspended",
            Self::NoConnection => "there is no such connection",
            Self::UnknownToken => "no connection has it, or it has run out",
            Self::SharedToken => "its issuer gave it to two connections",
            Self::EarlierToken => {
                "it is from before the person connected, or from before they last stopped the app"
            }
            Self::TokenNotShown => "its app signs people in by itself, and did not show a token of its own",
            Self::NotDirectAnyMore => {
                "nobody agreed to it here, and its app may not show its own tokens any more"
            }
            Self::HoldersWithoutKey => "it was handed to callers only that have no live key any more",
            Self::ConnectionEnded => "there is such a connection, but it has ended",
            Self::ConsentOver => "the time is over for which the person agreed",
            Self::AppNotApproved => "its app is not in use",
            Self::AppNotAllowed => "its app is not one that this caller is allowed",
            Self::Frozen => "it is frozen",
            Self::RestoredCopy(_) => "the database is a restored copy",
            Self::NeedsReconnect => "its connection needs its person, who must connect the app again",
            Self::AccountGone => "its account is gone",
            Self::EnvironmentClosed => "the environment is not open to it",
        }
    }
}
