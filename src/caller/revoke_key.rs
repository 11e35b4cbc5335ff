//! Revokes an API key, at once and everywhere.

use super::look_up::changed;
use super::store;
use crate::Broker;
use crate::error::Error;
use crate::ledger::{self, Action, Entry};

/// # Errors
/// [`Error::InvalidRequest`] when there is no such live key.
pub async fn revoke_key(broker: &Broker, key_id: &str) -> Result<(), Error> {
    let now = broker.clock.now();
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    let caller_id = store::revoke_key(&mut transaction, key_id, now).await?;
    let caller_id = caller_id.ok_or_else(|| {
        Error::InvalidRequest(format!("There is no live key `{key_id}`; `attache key list` shows them."))
    })?;
    let entry = Entry { actor: "operator".to_owned(), caller_id: Some(caller_id), ..Entry::default() };
    ledger::append(&mut transaction, &broker.ledger, Action::KeyRevoked, &entry, now).await?;
    transaction.commit().await?;
    Ok(())
}
