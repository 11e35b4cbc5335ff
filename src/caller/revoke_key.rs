//! Revokes an API key, at once and everywhere.

use super::store;
use crate::App;
use crate::error::Error;
use crate::ledger::{self, Action, Entry};

/// # Errors
/// [`Error::InvalidRequest`] when there is no such live key.
pub async fn revoke_key(app: &App, key_id: &str) -> Result<(), Error> {
    let now = app.clock.now();
    let mut transaction = app.db.begin().await?;
    super::changed(app, &mut transaction);
    let caller_id = store::revoke_key(&mut transaction, key_id, now).await?;
    let caller_id = caller_id.ok_or_else(|| {
        Error::InvalidRequest(format!("There is no live key `{key_id}`; `attache key list` shows them."))
    })?;
    let entry = Entry { actor: "operator".to_owned(), caller_id: Some(caller_id), ..Entry::default() };
    ledger::append(&mut transaction, &app.ledger, Action::KeyRevoked, &entry, now).await?;
    transaction.commit().await?;
    Ok(())
}
