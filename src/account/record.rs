//! Writes into the ledger what somebody did with their own account here.

use crate::Broker;
use crate::error::Error;
use crate::ledger::{self, Action, Entry};

/// # Errors
/// When the database does not answer.
pub async fn record(broker: &Broker, action: Action, account_id: &str) -> Result<(), Error> {
    let entry =
        Entry { actor: account_id.to_owned(), account_id: Some(account_id.to_owned()), ..Entry::default() };
    let mut transaction = broker.db.begin().await?;
    ledger::append(&mut transaction, &broker.ledger, action, &entry, broker.clock.now()).await?;
    Ok(transaction.commit().await?)
}
