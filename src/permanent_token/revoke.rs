//! Revokes a permanent token, at once and everywhere.

use super::look_up::changed;
use super::store;
use crate::Broker;
use crate::clock::Timestamp;
use crate::credential::{self, Kind};
use crate::db::write::Transaction;
use crate::error::Error;
use crate::ledger::{self, Action, Entry};
use crate::secret::Token;

/// False when there is no such live one.
///
/// # Errors
/// When the database does not answer.
pub async fn revoke(broker: &Broker, id: &str) -> Result<bool, Error> {
    // PostgreSQL stores no NUL, and no id holds one.
    if id.contains(char::is_control) {
        return Ok(false);
    }
    let now = broker.clock.now();
    let mut transaction = broker.db.begin().await?;
    if !store::revoke(&mut transaction, id, now).await? {
        return Ok(false);
    }
    revoked(broker, transaction, id, "operator", now).await?;
    Ok(true)
}

/// Revokes the one that the resource server `by` shows, which is of this environment, frozen or not. What is unknown, or of another environment, is left as it is,
/// and the answer is the same. RFC 7009 section 2.2.
///
/// # Errors
/// When the database does not answer: then the token is to be taken for alive.
pub async fn revoke_shown(
    broker: &Broker,
    environment_id: &str,
    token: &Token,
    by: &str,
) -> Result<(), Error> {
    let Some(hash) = credential::recognise(Kind::PermanentToken, token.expose()) else { return Ok(()) };
    let now = broker.clock.now();
    let mut transaction = broker.db.begin().await?;
    match store::revoke_shown(&mut transaction, &hash, environment_id, now).await? {
        Some(id) => revoked(broker, transaction, &id, by, now).await,
        None => Ok(()),
    }
}

async fn revoked(
    broker: &Broker,
    mut transaction: Transaction,
    id: &str,
    by: &str,
    now: Timestamp,
) -> Result<(), Error> {
    changed(broker, &mut transaction);
    let entry = Entry { actor: by.to_owned(), ..Entry::default() }.saying(id);
    ledger::append(&mut transaction, &broker.ledger, Action::PermanentTokenRevoked, &entry, now).await?;
    Ok(transaction.commit().await?)
}
