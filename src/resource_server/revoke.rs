//! Revokes a resource server's credential, at once and everywhere.

use super::look_up::changed;
use super::store;
use crate::Broker;
use crate::error::Error;
use crate::ledger::{self, Action, Entry};

/// # Errors
/// [`Error::InvalidRequest`] when there is no such live one.
pub async fn revoke(broker: &Broker, id: &str) -> Result<(), Error> {
    let missing = || {
        let sentence =
            format!("There is no live resource server `{id}`; `attache resource-server list` shows them.");
        Error::InvalidRequest(sentence)
    };
    // PostgreSQL stores no NUL, and no id holds one.
    if id.contains(char::is_control) {
        return Err(missing());
    }
    let now = broker.clock.now();
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    if !store::revoke(&mut transaction, id, now).await? {
        return Err(missing());
    }
    let entry = Entry { actor: "operator".to_owned(), ..Entry::default() }.saying(id);
    ledger::append(&mut transaction, &broker.ledger, Action::ResourceServerRevoked, &entry, now).await?;
    transaction.commit().await?;
    Ok(())
}
