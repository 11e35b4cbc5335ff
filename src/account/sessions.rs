//! Where a person is signed in, and the end of one of these sessions or of all others. What a browser shows of its own
//! session is the page's work.

use crate::Broker;
use crate::error::Error;
use crate::ledger::{self, Action, Entry};
use crate::session::{self, Ending, Listed};

/// Where somebody is signed in, the last used first.
///
/// # Errors
/// When the database does not answer.
pub async fn list(broker: &Broker, account_id: &str) -> Result<Vec<Listed>, Error> {
    Ok(session::of_account(&broker.db, account_id, broker.clock.now()).await?)
}

/// Ends sessions of an account: their next request is a stranger's. How many there were.
///
/// # Errors
/// When the database does not answer; then none has ended.
pub async fn end(broker: &Broker, account_id: &str, ending: &Ending) -> Result<u64, Error> {
    let entry =
        Entry { actor: account_id.to_owned(), account_id: Some(account_id.to_owned()), ..Entry::default() };
    let mut transaction = broker.db.begin().await?;
    let ended = session::end(&mut transaction, account_id, ending).await?;
    for _ in 0..ended {
        ledger::append(&mut transaction, &broker.ledger, Action::SignedOut, &entry, broker.clock.now())
            .await?;
    }
    transaction.commit().await?;
    Ok(ended)
}
