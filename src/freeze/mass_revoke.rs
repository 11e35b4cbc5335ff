//! Mass revokes: a selection is stopped at once, by a freeze that is part of it, and then ended connection by
//! connection, no faster than its issuers can bear. A durable row says how far it is, so that it goes on after any
//! end of a process, and replicas take turns. How one connection ends is [`revoke`]'s work.

mod store;

use std::time::{Duration, Instant};

use super::selection::{Scope, Selection, Why};
use super::{freezes, reach};
use crate::Broker;
use crate::clock::Timestamp;
use crate::config::FASTEST_MASS_REVOKE as FASTEST;
use crate::connection::store as connections;
use crate::error::Error;
use crate::ledger::{self, Action};
use crate::restore;
use crate::revoke::begin;
use crate::revoke::begin::Which;
use crate::secret::random_id;

/// Seconds after which whoever works on one is taken for lost.
const CLAIM: i64 = 10;
/// How long one turn lasts at the most.
const TURN: Duration = Duration::from_secs(5);
/// How often it is looked for work.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a person waits for their own to end; the rest goes on without them.
const A_MOMENT: Duration = Duration::from_millis(1500);

/// One row of `revokes`.
#[derive(Clone, Debug)]
pub struct MassRevoke {
    pub id: String,
    /// With `issued_before`, always.
    pub selection: Selection,
    pub why: Why,
    pub per_second: u32,
    /// Live connections of the selection when it began.
    pub total: i64,
    pub status: Status,
    place: ConnectionKey,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    Running,
    Ended,
}

/// The key of a connection, by which a mass revoke goes.
#[derive(Clone, Debug, Default)]
struct ConnectionKey {
    app_id: String,
    account_id: String,
    id: String,
}

/// How far one is.
#[derive(Debug)]
pub struct Progress {
    pub mass_revoke: MassRevoke,
    /// Connections that still live; nothing is handed out of them.
    pub to_go: i64,
    /// Those that ended here and whose issuer has not confirmed yet.
    pub unconfirmed: i64,
}

/// Begins one. When this returns, no request that begins later is given anything of the selection, on any replica; what
/// people connect from then on is not touched.
///
/// # Errors
/// [`Error::InvalidRequest`] for what is no selection of connections; when the database does not answer.
pub async fn start(
    broker: &Broker,
    selection: &Selection,
    why: &Why,
    per_second: Option<u32>,
) -> Result<MassRevoke, Error> {
    if selection.scope == Scope::Caller {
        let sentence = "A caller has no connections of its own to revoke. Freeze it, or revoke its keys.";
        return Err(Error::InvalidRequest(sentence.to_owned()));
    }
    let now = broker.clock.now();
    // Seconds are the finest that is stored: what was agreed to within this one counts as before.
    let begun = now.plus(1);
    let issued_before = selection.issued_before.map_or(begun, |before| before.min(begun));
    let selection = Selection { issued_before: Some(issued_before), ..selection.clone() };
    let mass_revoke = MassRevoke {
        id: format!("rv_{}", random_id::<20>()),
        total: reach::count(broker, &selection).await?,
        selection,
        why: why.clone(),
        per_second: per_second.unwrap_or(broker.config.limits.mass_revoke_per_second).clamp(1, FASTEST),
        status: Status::Running,
        place: ConnectionKey::default(),
        created_at: now,
        ended_at: None,
    };
    let mut transaction = broker.db.begin().await?;
    store::insert(&mut transaction, &mass_revoke).await?;
    freezes::begin(broker, &mut transaction, &mass_revoke.selection, why, Some(&mass_revoke.id)).await?;
    let entry = mass_revoke.selection.entry(why, &mass_revoke.id);
    ledger::append(&mut transaction, &broker.ledger, Action::MassRevokeBegun, &entry, now).await?;
    transaction.commit().await?;
    let (id, total) = (&mass_revoke.id, mass_revoke.total);
    tracing::warn!(mass_revoke = id, total, scope = %mass_revoke.selection.scope, "a mass revoke has begun");
    Ok(mass_revoke)
}

/// Stops everything of a person, for that person. Waits a moment, in which usually all of it ends.
///
/// # Errors
/// When the database does not answer.
pub async fn stop_all_of(broker: &Broker, account_id: &str) -> Result<(), Error> {
    let selection = Selection::of(Scope::Account, account_id);
    let why = Why { actor: account_id.to_owned(), reason: "their person stopped all access".to_owned() };
    start(broker, &selection, &why, Some(FASTEST)).await?;
    let worker = broker.clone();
    let work = broker.tasks.spawn(async move { work(&worker).await });
    let _ = tokio::time::timeout(A_MOMENT, work).await;
    Ok(())
}

/// Works on whatever is running, until the server drains.
pub async fn run(broker: Broker) {
    // Nobody else is alive who could be working on it.
    if broker.replica.is_only()
        && let Err(error) = store::release_all(&broker.db).await
    {
        tracing::error!(%error, "a mass revoke goes on later");
    }
    loop {
        if let Err(error) = work(&broker).await {
            tracing::error!(%error, "a mass revoke could not go on; it is tried again");
        }
        tokio::select! {
            () = broker.draining.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Gives a turn to each that is running and that nobody else works on; whether there was one.
///
/// # Errors
/// When the database does not answer; whoever comes next goes on from there.
pub async fn work(broker: &Broker) -> Result<bool, Error> {
    let mut worked = false;
    loop {
        if restore::open(broker).await?.is_some() {
            // It may have been done since; the freeze holds meanwhile.
            return Ok(worked);
        }
        let now = broker.db.lease_now(&broker.clock).await?;
        let Some(mass_revoke) = store::claim(&broker.db, now, now.plus(CLAIM)).await? else {
            return Ok(worked);
        };
        worked = true;
        turn(broker, mass_revoke, now.plus(1)).await?;
    }
}

/// As many as one second allows, evenly; then it is anybody's from `next_at` on.
async fn turn(broker: &Broker, mass_revoke: MassRevoke, next_at: Timestamp) -> Result<(), Error> {
    let began = Instant::now();
    let before = mass_revoke.selection.issued_before.unwrap_or(mass_revoke.created_at);
    let apart = Duration::from_secs(1) / mass_revoke.per_second.max(1);
    let slice = store::slice(&broker.db, &mass_revoke).await?;
    let mut to_the_end = slice.len() < usize::try_from(mass_revoke.per_second).unwrap_or(usize::MAX);
    let mut place = mass_revoke.place.clone();
    let mut due = Duration::ZERO;
    for next in slice {
        if broker.draining.is_cancelled() || began.elapsed() > TURN {
            to_the_end = false;
            break;
        }
        tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
        due += apart;
        if let Some(connection) = connections::by_id(&broker.db, &next.id).await? {
            match begin::end(broker, &connection, Which::GrantedBefore(before), &mass_revoke.why.actor).await
            {
                // Its person or a caller was quicker, or agreed to it anew.
                Ok(_) | Err(Error::ConnectionNotFound) => {}
                Err(error) => return Err(error),
            }
        }
        place = next;
    }
    if to_the_end {
        if reach::count(broker, &mass_revoke.selection).await? == 0 {
            return end(broker, &mass_revoke).await;
        }
        // Something was left behind, or came in late: once more from the beginning.
        place = ConnectionKey::default();
    }
    Ok(store::save(&broker.db, &mass_revoke.id, &place, next_at).await?)
}

/// Nothing of it lives any more, so nothing need be frozen.
async fn end(broker: &Broker, mass_revoke: &MassRevoke) -> Result<(), Error> {
    let now = broker.clock.now();
    let mut transaction = broker.db.begin().await?;
    if !store::end(&mut transaction, &mass_revoke.id, now).await? {
        return Ok(());
    }
    freezes::end(broker, &mut transaction, &mass_revoke.id).await?;
    let entry = mass_revoke.selection.entry(&mass_revoke.why, &mass_revoke.id);
    ledger::append(&mut transaction, &broker.ledger, Action::MassRevokeEnded, &entry, now).await?;
    transaction.commit().await?;
    tracing::warn!(mass_revoke = mass_revoke.id, "a mass revoke has ended");
    Ok(())
}

/// The latest ones, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn latest(broker: &Broker) -> Result<Vec<MassRevoke>, Error> {
    Ok(store::latest(&broker.db).await?)
}

/// # Errors
/// [`Error::InvalidRequest`] when there is none of that id.
pub async fn progress(broker: &Broker, id: &str) -> Result<Progress, Error> {
    let missing = || {
        Error::InvalidRequest(format!(
            "There is no mass revoke `{id}`; `attache revoke --status` shows them."
        ))
    };
    let mass_revoke = store::by_id(&broker.db, id).await?.ok_or_else(missing)?;
    let to_go = match mass_revoke.status {
        Status::Running => reach::count(broker, &mass_revoke.selection).await?,
        Status::Ended => 0,
    };
    let unconfirmed = store::unconfirmed(&broker.db, &mass_revoke).await?;
    Ok(Progress { mass_revoke, to_go, unconfirmed })
}
