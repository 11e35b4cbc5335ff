//! Revokes: final here in one statement before the answer. Tells no issuer itself; see [`tell`].

pub use super::store::Which;

use serde_json::json;

use super::tell::Telling;
use super::{store, tell};
use crate::Broker;
use crate::connection::Connection;
use crate::error::Error;
use crate::ledger::{self, Action, Entry};

/// Ends a connection. When this returns, no request that begins later gets a token from it, on any replica;
/// telling the issuer goes on in a task of its own.
///
/// # Errors
/// [`Error::ConnectionNotFound`] when it is not live.
pub async fn revoke(broker: &Broker, connection: &Connection, actor: &str) -> Result<Telling, Error> {
    end(broker, connection, Which::Any, actor).await
}

/// The same for one that is meant, as it is at this moment.
///
/// # Errors
/// [`Error::ConnectionNotFound`] when it is not live, or not meant.
pub async fn end(
    broker: &Broker,
    connection: &Connection,
    which: Which,
    actor: &str,
) -> Result<Telling, Error> {
    let now = broker.clock.now();
    let mut transaction = broker.db.begin().await?;
    if !store::begin_revoke(broker, &mut transaction, &connection.id, which, now).await? {
        return Err(Error::ConnectionNotFound);
    }
    // Counted before they are forgotten: what is out cannot be called back, and the receipt says so.
    let out = store::handed_out(&mut transaction, connection, now).await?;
    crate::content::forget(&mut transaction, &connection.id).await?;
    super::store::enqueue(&mut transaction, connection, now, tell::claim(broker)).await?;
    let entry = Entry { detail: Some(json!({ "out": out })), ..Entry::of(connection, actor) };
    ledger::append(&mut transaction, &broker.ledger, Action::RevokeRequested, &entry, now).await?;
    transaction.commit().await?;
    Ok(tell::in_a_task(broker, connection.id.clone()))
}
