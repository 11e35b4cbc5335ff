//! What a caller may read of connections: one, or a list by key. Tells states and times, never a token, and hands
//! nothing out.

mod store;

pub use store::Readable;

use std::str::FromStr;

use super::judge::{self, ReadersApp};
use crate::Broker;
use crate::connection::is_id;
use crate::connection::status::Status;
use crate::error::Error;
use crate::revoke::receipt;
use crate::revoke::receipt::{Ended, Receipt};

/// A place in a caller's list. The list goes by account and then by id, which never change: what is used, refreshed
/// or revoked while somebody pages neither moves nor is met twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub account_id: String,
    pub id: String,
}

impl Cursor {
    #[must_use]
    pub fn of(readable: &Readable) -> Self {
        Self { account_id: readable.account_id.clone(), id: readable.id.clone() }
    }
}

/// What a caller's list is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// An app's key.
    pub app: Option<String>,
    /// An account's id, or its subject at the sign-in issuer.
    pub account: Option<String>,
    pub state: Option<State>,
}

/// A connection's status as callers are told it: a refresh under way is nobody's concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State(Status);

impl From<Status> for State {
    fn from(status: Status) -> Self {
        Self(if status == Status::Refreshing { Status::Active } else { status })
    }
}

impl FromStr for State {
    type Err = strum::ParseError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word.parse()? {
            Status::Refreshing => Err(strum::ParseError::VariantNotFound),
            status => Ok(Self(status)),
        }
    }
}

impl State {
    #[must_use]
    pub fn word(self) -> &'static str {
        self.0.into()
    }

    fn statuses(self) -> Vec<Status> {
        match self.0 {
            Status::Active => vec![Status::Active, Status::Refreshing],
            status => vec![status],
        }
    }
}

/// The connections of the apps that this caller is allowed, revoked ones too: `limit` of them after the cursor.
///
/// # Errors
/// [`Error::AppNotFound`] when the filter names an app that is not there or not the caller's;
/// [`Error::InvalidRequest`] when the cursor is not of the account that is asked for.
pub async fn list(
    broker: &Broker,
    caller_id: &str,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<Readable>, Error> {
    let reader = store::reader(&broker.db, caller_id).await?;
    let mut apps: Vec<&ReadersApp> = judge::readable(&reader).collect();
    if let Some(key) = &filter.app {
        apps.retain(|allowed| allowed.key == *key);
        if apps.is_empty() {
            return Err(Error::AppNotFound);
        }
    }
    let account_id = match &filter.account {
        None => None,
        Some(named) => match crate::account::by_id_or_subject(broker, named).await? {
            Some(account) => Some(account.id),
            // Somebody who never signed in has connected nothing.
            None => return Ok(Vec::new()),
        },
    };
    if let (Some(account_id), Some(cursor)) = (&account_id, after)
        && *account_id != cursor.account_id
    {
        let sentence = "`cursor` is another list's; go on with the filters that it was given for.";
        return Err(Error::InvalidRequest(sentence.to_owned()));
    }
    if apps.is_empty() {
        return Ok(Vec::new());
    }
    let apps: Vec<String> = apps.into_iter().map(|app| app.id.clone()).collect();
    let statuses = filter.state.map(State::statuses).unwrap_or_default();
    let wanted = store::Wanted { apps: &apps, account_id: account_id.as_deref(), statuses: &statuses };
    Ok(store::list(&broker.db, &wanted, after, limit).await?)
}

/// The apps that a caller is allowed and that are in use: their ids.
///
/// # Errors
/// When the database does not answer.
pub async fn apps(broker: &Broker, caller_id: &str) -> Result<Vec<String>, Error> {
    let reader = store::reader(&broker.db, caller_id).await?;
    Ok(judge::readable(&reader).map(|app| app.id.clone()).collect())
}

/// One connection, a revoked one too. Not there and not the caller's are the same answer.
///
/// # Errors
/// [`Error::ConnectionNotFound`]
pub async fn one(broker: &Broker, caller_id: &str, id: &str) -> Result<Readable, Error> {
    if !is_id(id) {
        return Err(Error::ConnectionNotFound);
    }
    let reader = store::reader(&broker.db, caller_id).await?;
    let found = store::one(&broker.db, id).await?;
    let may = |found: &Readable| judge::readable(&reader).any(|app| app.key == found.app_key);
    found.filter(may).ok_or(Error::ConnectionNotFound)
}

/// The receipt of one that was revoked.
///
/// # Errors
/// When the database does not answer.
pub async fn receipt(broker: &Broker, readable: &Readable) -> Result<Option<Receipt>, Error> {
    let Readable { id, status, cause, revoked_at, revoked_upstream_at, .. } = readable;
    let (status, cause, revoked_at) = (*status, *cause, *revoked_at);
    let ended = Ended { id, status, cause, revoked_at, revoked_upstream_at: *revoked_upstream_at };
    Ok(receipt::receipt(broker, ended).await?)
}
