//! Deletes an account: its person is gone at once, with every session; every connection is ended and its issuer told;
//! and when all of them have been, nothing personal is left. The id stays, so that the ledger can still be read.

use super::person::Account;
use super::store;
pub use super::store::Deletion;
use crate::Broker;
use crate::connect_session;
use crate::connection::look_up;
use crate::consent::attempt;
use crate::error::Error;
use crate::freeze::freezes;
use crate::freeze::selection::{Scope, Selection, Why};
use crate::ledger::{self, Action, Entry};
use crate::revoke::begin;
use crate::session;

/// Seconds after which no request that began before the deletion is still running and could connect something.
const LAST_REQUESTS: i64 = 120;

/// When this returns, nobody is signed in as this account, and no request that begins later is given anything of it, on
/// any replica.
///
/// # Errors
/// [`Error::InvalidRequest`] when there is no such account, or it was deleted before.
pub async fn delete(broker: &Broker, id: &str, why: &Why) -> Result<(), Error> {
    let now = broker.clock.now();
    let person = store::by_id(&broker.db, id).await?;
    let selection = Selection::of(Scope::Account, id);
    let mut transaction = broker.db.begin().await?;
    if !store::begin_deletion(broker, &mut transaction, id, now).await? {
        return Err(Error::InvalidRequest(format!("There is no account `{id}`.")));
    }
    session::end_all_with(&mut transaction, id).await?;
    attempt::forget(&mut transaction, id).await?;
    if let Some(Account { issuer, subject, .. }) = person {
        connect_session::forget(broker, &mut transaction, &issuer, &subject).await?;
    }
    // Whatever a request that began before still connects is frozen too.
    freezes::begin(broker, &mut transaction, &selection, why, Some(id)).await?;
    let entry = selection.entry(why, id);
    ledger::append(&mut transaction, &broker.ledger, Action::AccountDeleted, &entry, now).await?;
    transaction.commit().await?;
    let (worker, id) = (broker.clone(), id.to_owned());
    // Here it outlives whoever asked; what it does not come to is done by housekeeping.
    let ended = broker.see_through("deletions", async move { end(&worker, &id).await }).await;
    if let Err(error) = ended {
        tracing::error!(%error, "connections of a deleted account could not be ended yet; they will be");
    }
    Ok(())
}

/// # Errors
/// When the database does not answer.
pub async fn deletion(broker: &Broker, id: &str) -> Result<Deletion, Error> {
    Ok(store::deletion(&broker.db, id).await?)
}

/// Goes on with deletions that are under way. Housekeeping calls it every few seconds.
///
/// # Errors
/// When the database does not answer.
pub async fn go_on(broker: &Broker) -> Result<(), Error> {
    for id in store::deleting(&broker.db, broker.clock.now()).await? {
        end(broker, &id).await?;
    }
    Ok(())
}

async fn end(broker: &Broker, id: &str) -> Result<(), Error> {
    for connection in look_up::live_of_account(broker, id).await? {
        match begin::revoke(broker, &connection, id).await {
            // Somebody else was quicker.
            Ok(_) | Err(Error::ConnectionNotFound) => {}
            Err(error) => return Err(error),
        }
    }
    let now = broker.clock.now();
    let mut transaction = broker.db.begin().await?;
    if !store::end_deletion(&mut transaction, id, now.plus(-LAST_REQUESTS)).await? {
        return Ok(());
    }
    look_up::forget_identities(broker, &mut transaction, id).await?;
    freezes::end(broker, &mut transaction, id).await?;
    let entry = Entry { actor: "attache".to_owned(), account_id: Some(id.to_owned()), ..Entry::default() };
    ledger::append(&mut transaction, &broker.ledger, Action::AccountErased, &entry, now).await?;
    Ok(transaction.commit().await?)
}
