//! Freezes: who or what is stopped for a while, by whom and why. Judged at every hand-out, never a state of a
//! connection; spends no refresh token and asks no issuer.

use std::collections::HashMap;
use std::sync::Arc;

use super::selection::{COPY, Cover, OPERATOR, Scope, Selection, Use, Why};
use super::store;
use crate::Broker;
use crate::account::Account;
use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::connection::identity::Pseudonyms;
use crate::db;
use crate::db::write::Transaction;
use crate::error::Error;
use crate::ledger::{self, Action};
use crate::secret::random_id;

/// One row of `freezes`.
#[derive(Clone, Debug)]
pub struct Freeze {
    pub id: String,
    pub selection: Selection,
    /// Whom an operator's freeze of an account or a connection stops though the id became another: who deletes the account
    /// and signs in anew, or stops the app and connects it again, is stopped as before.
    pub pseudonym: Option<String>,
    pub why: Why,
    /// The mass revoke or the deletion that it ends with.
    pub part_of: Option<String>,
    pub since: Timestamp,
}

/// What every freeze covers, by the names that it goes by.
#[derive(Debug, Default)]
pub struct Covers(HashMap<Scope, HashMap<String, Vec<Arc<Cover>>>>);

impl Covers {
    pub(crate) fn add(&mut self, cover: Cover) {
        let cover = Arc::new(cover);
        let names = self.0.entry(cover.selection.scope).or_default();
        // Ids and pseudonyms have different forms.
        for name in [Some(&cover.selection.target), cover.pseudonym.as_ref()].into_iter().flatten() {
            names.entry(name.clone()).or_default().push(Arc::clone(&cover));
        }
    }

    /// Those that name this use, however old the consent is.
    fn naming(&self, used: Use<'_>) -> Vec<Arc<Cover>> {
        let mut naming = Vec::new();
        for (scope, names) in &self.0 {
            for name in [used.target(*scope), used.pseudonym(*scope)].into_iter().flatten() {
                let named = names.get(name).into_iter().flatten();
                naming.extend(named.filter(|cover| cover.names(used)).cloned());
            }
        }
        naming
    }
}

/// What the freezes cover that name this use, by what is held in memory where this process is alone.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn naming(broker: &Broker, used: Use<'_>) -> Result<Vec<Arc<Cover>>, db::Error> {
    let covers = broker.held.freezes.get(&broker.db, async || store::covers(&broker.db).await).await?;
    Ok(covers.naming(used))
}

/// Whether a freeze covers what is no person's: one of everything, or of the caller that has it. By what is held in memory
/// where this process is alone; `since` is when it was given.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn stops_nobodys(
    broker: &Broker,
    caller_id: Option<&str>,
    since: Timestamp,
) -> Result<bool, db::Error> {
    let covers = broker.held.freezes.get(&broker.db, async || store::covers(&broker.db).await).await?;
    let named = |scope, target: &str| covers.0.get(&scope).and_then(|names| names.get(target));
    let of_all = named(Scope::All, "").into_iter().flatten();
    let of_caller = caller_id.and_then(|id| named(Scope::Caller, id)).into_iter().flatten();
    let holds = |cover: &Arc<Cover>| cover.selection.issued_before.is_none_or(|before| since < before);
    Ok(of_all.chain(of_caller).any(holds))
}

/// Whether a freeze covers a person, or everything. What somebody has by being signed in is as old as any consent. By what is
/// held in memory where this process is alone, else by a statement.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn stops_person(broker: &Broker, account: &Account) -> Result<bool, db::Error> {
    let pseudonym = broker.pseudonyms.of_account(&account.issuer, &account.subject);
    let load = async || store::covers(&broker.db).await;
    let Some(covers) = broker.held.freezes.held(&broker.db, load).await? else {
        return store::stops_person(&broker.db, &account.id, &pseudonym).await;
    };
    let named = |scope, target: &str| covers.0.get(&scope).is_some_and(|names| names.contains_key(target));
    Ok(named(Scope::All, "") || named(Scope::Account, &account.id) || named(Scope::Account, &pseudonym))
}

/// Whether an operator froze a person, by whatever account they had here. A freeze of what was agreed to before some moment
/// stops no person.
///
/// # Errors
/// When the database does not answer.
pub async fn holds_person(broker: &Broker, issuer: &str, subject: &str) -> Result<bool, db::Error> {
    let pseudonym = broker.pseudonyms.of_account(issuer, subject);
    store::holds_person(&broker.db, &pseudonym).await
}

/// How a connection stands, as its person sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Free,
    PausedByYou,
    /// An operator's freeze covers it.
    Held,
    /// A revoke is on its way to it.
    Ending,
}

/// What the freezes cover that name a connection, whoever uses it.
///
/// # Errors
/// When the database does not answer.
pub async fn of_connection(broker: &Broker, connection_id: &str) -> Result<Vec<Cover>, Error> {
    Ok(store::of_connection(&broker.db, connection_id).await?)
}

/// The gravest of what these freezes mean for a connection.
#[must_use]
pub fn standing(freezes: &[Cover], used: Use<'_>) -> Standing {
    let meant = |cover: &Cover| match (cover.part_of.as_deref(), cover.is_pause_of(used)) {
        (Some(COPY), _) | (None, false) => Standing::Held,
        (Some(_), _) => Standing::Ending,
        (None, true) => Standing::PausedByYou,
    };
    freezes.iter().filter(|cover| cover.covers(used)).map(meant).max().unwrap_or(Standing::Free)
}

/// Stops a selection. When this returns, no request that begins later is given anything of it, on any replica.
///
/// # Errors
/// When the database does not answer.
pub async fn freeze(broker: &Broker, selection: &Selection, why: &Why) -> Result<Freeze, Error> {
    let pseudonym = pseudonym(broker, selection).await?;
    let freeze = Freeze { pseudonym, ..new(broker, selection, why, None) };
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    store::insert(&mut transaction, &freeze).await?;
    let entry = selection.entry(why, &freeze.id);
    ledger::append(&mut transaction, &broker.ledger, Action::Frozen, &entry, freeze.since).await?;
    transaction.commit().await?;
    tracing::warn!(freeze = freeze.id, scope = %selection.scope, target = selection.target, "frozen");
    Ok(freeze)
}

/// As part of something greater, in its transaction, and written to the ledger by that.
pub(crate) async fn begin(
    broker: &Broker,
    transaction: &mut Transaction,
    selection: &Selection,
    why: &Why,
    part_of: Option<&str>,
) -> Result<Freeze, Error> {
    let freeze = new(broker, selection, why, part_of);
    changed(broker, transaction);
    store::insert(transaction, &freeze).await?;
    Ok(freeze)
}

fn new(broker: &Broker, selection: &Selection, why: &Why, part_of: Option<&str>) -> Freeze {
    Freeze {
        id: format!("fr_{}", random_id::<20>()),
        selection: selection.clone(),
        pseudonym: None,
        why: why.clone(),
        part_of: part_of.map(str::to_owned),
        since: broker.clock.now(),
    }
}

/// None also where the person is gone already: there is nothing left by which they could be known again.
async fn pseudonym(broker: &Broker, selection: &Selection) -> Result<Option<String>, Error> {
    let target = &selection.target;
    match selection.scope {
        Scope::Account => {
            let account = crate::account::by_id(broker, target).await?;
            Ok(account.map(|account| broker.pseudonyms.of_account(&account.issuer, &account.subject)))
        }
        Scope::Connection => {
            let Some(connection) = crate::connection::look_up::by_id(broker, target).await? else {
                return Ok(None);
            };
            let account = crate::account::by_id(broker, &connection.account_id).await?;
            let of = |account: &Account| {
                Pseudonyms::of(broker, account, &connection.app_id, &connection.external).connection
            };
            Ok(account.as_deref().map(of).or(connection.pseudonym))
        }
        Scope::App | Scope::Issuer | Scope::Caller | Scope::All => Ok(None),
    }
}

/// Gives operators' freezes of before there were pseudonyms theirs. To be called at the start.
///
/// # Errors
/// When the database does not answer.
pub async fn give_pseudonyms(broker: &Broker) -> Result<(), Error> {
    for freeze in store::without_pseudonym(&broker.db).await? {
        if let Some(pseudonym) = pseudonym(broker, &freeze.selection).await? {
            let mut transaction = broker.db.begin().await?;
            changed(broker, &mut transaction);
            store::give_pseudonym(&mut transaction, &freeze.id, &pseudonym).await?;
            transaction.commit().await?;
        }
    }
    Ok(())
}

/// Lifts what [`begin`] began.
pub(crate) async fn end(
    broker: &Broker,
    transaction: &mut Transaction,
    part_of: &str,
) -> Result<(), db::Error> {
    changed(broker, transaction);
    store::delete_part(transaction, part_of).await
}

/// Lifts an operator's freeze: what it stopped goes on, as if it had not been.
///
/// # Errors
/// [`Error::InvalidRequest`] when there is none of that id; [`Error::Conflict`] when it is a person's own pause, or
/// part of something that is still going on.
pub async fn unfreeze(broker: &Broker, id: &str, actor: &str) -> Result<Freeze, Error> {
    let missing =
        || Error::InvalidRequest(format!("There is no freeze `{id}`; `attache freeze --list` shows them."));
    let freeze = store::by_id(&broker.db, id).await?.ok_or_else(missing)?;
    if let Some(whole) = &freeze.part_of {
        return Err(Error::Conflict(format!("The freeze {id} is part of {whole} and ends with it.")));
    }
    if freeze.why.actor != OPERATOR {
        return Err(Error::Conflict(format!("{id} is a person's own pause: only they lift it.")));
    }
    let why = Why { actor: actor.to_owned(), reason: freeze.why.reason.clone() };
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    if !store::delete(&mut transaction, id).await? {
        return Err(missing());
    }
    let entry = freeze.selection.entry(&why, id);
    ledger::append(&mut transaction, &broker.ledger, Action::Unfrozen, &entry, broker.clock.now()).await?;
    transaction.commit().await?;
    tracing::warn!(freeze = id, "unfrozen");
    Ok(freeze)
}

/// Pauses a connection for its own person. Pressed twice, it is paused once.
///
/// # Errors
/// [`Error::ConnectionNotFound`] when it is not live.
pub async fn pause(broker: &Broker, connection: &Connection) -> Result<(), Error> {
    if !connection.is_live() {
        return Err(Error::ConnectionNotFound);
    }
    let (selection, why) = own(connection);
    let id = pause_id(connection);
    // Who connects again does not want it paused, so it is known by its id alone.
    let freeze = Freeze { id: id.clone(), ..new(broker, &selection, &why, None) };
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    if store::insert(&mut transaction, &freeze).await? {
        let entry = freeze.selection.entry(&freeze.why, &id);
        ledger::append(&mut transaction, &broker.ledger, Action::Frozen, &entry, freeze.since).await?;
    }
    Ok(transaction.commit().await?)
}

/// Lifts the person's own pause; an operator's freeze stays.
///
/// # Errors
/// When the database does not answer.
pub async fn go_on(broker: &Broker, connection: &Connection) -> Result<(), Error> {
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    if store::delete(&mut transaction, &pause_id(connection)).await? {
        let (selection, why) = own(connection);
        let entry = selection.entry(&why, &pause_id(connection));
        ledger::append(&mut transaction, &broker.ledger, Action::Unfrozen, &entry, broker.clock.now())
            .await?;
    }
    Ok(transaction.commit().await?)
}

fn own(connection: &Connection) -> (Selection, Why) {
    let why = Why { actor: connection.account_id.clone(), reason: "paused by its person".to_owned() };
    (Selection::of(Scope::Connection, &connection.id), why)
}

/// One for each connection.
fn pause_id(connection: &Connection) -> String {
    format!("fr_pause_{}", connection.id)
}

/// What operators froze and what is part of something greater, newest first, and how many pauses there are beside.
///
/// # Errors
/// When the database does not answer.
pub async fn all(broker: &Broker) -> Result<(Vec<Freeze>, i64), Error> {
    Ok((store::all(&broker.db).await?, store::pauses(&broker.db).await?))
}

/// Removes pauses of connections that have ended.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(broker: &Broker) -> Result<(), db::Error> {
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    store::sweep(&mut transaction).await?;
    transaction.commit().await
}

/// Freezes are changed in this transaction.
fn changed(broker: &Broker, transaction: &mut Transaction) {
    let broker = broker.clone();
    transaction.after_commit(move || broker.held.freezes.forget());
}
