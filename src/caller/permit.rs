//! Lets a caller do something by itself at an environment, for nobody, and takes that back, at once and everywhere.

use super::look_up::{changed, id_of};
use super::store;
use crate::Broker;
use crate::content;
use crate::content::permission::Permissions;
use crate::error::Error;
use crate::ledger::{self, Action, Entry};

/// In place of what was said before.
///
/// # Errors
/// [`Error::InvalidRequest`] naming a caller or an environment that is not there.
pub async fn permit(
    broker: &Broker,
    caller: &str,
    environment_key: &str,
    permissions: &Permissions,
) -> Result<(), Error> {
    if permissions.is_empty() {
        let sentence = "permissions: is empty; to take back what was given, use `attache caller forbid`.";
        return Err(Error::InvalidRequest(sentence.to_owned()));
    }
    let (caller_id, environment_id) = named(broker, caller, environment_key).await?;
    let now = broker.clock.now();
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    store::put_permissions(&mut transaction, &caller_id, &environment_id, permissions, now).await?;
    let entry = entry(&caller_id, environment_key);
    ledger::append(&mut transaction, &broker.ledger, Action::CallerPermitted, &entry, now).await?;
    Ok(transaction.commit().await?)
}

/// # Errors
/// [`Error::InvalidRequest`] naming a caller or an environment that is not there, or when nothing was given.
pub async fn forbid(broker: &Broker, caller: &str, environment_key: &str) -> Result<(), Error> {
    let (caller_id, environment_id) = named(broker, caller, environment_key).await?;
    let now = broker.clock.now();
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    if !store::drop_permissions(&mut transaction, &caller_id, &environment_id).await? {
        let sentence = format!(
            "`{caller}` may do nothing by itself at {environment_key}; `attache caller list` shows who may."
        );
        return Err(Error::InvalidRequest(sentence));
    }
    let entry = entry(&caller_id, environment_key);
    ledger::append(&mut transaction, &broker.ledger, Action::CallerForbidden, &entry, now).await?;
    Ok(transaction.commit().await?)
}

async fn named(broker: &Broker, caller: &str, environment_key: &str) -> Result<(String, String), Error> {
    let missing =
        || Error::InvalidRequest(format!("There is no caller `{caller}`; `attache key list` shows them."));
    let caller_id = id_of(broker, caller).await?.ok_or_else(missing)?;
    let environment = content::by_key(broker, environment_key).await?;
    Ok((caller_id, environment.id.clone()))
}

fn entry(caller_id: &str, environment_key: &str) -> Entry {
    let entry =
        Entry { actor: "operator".to_owned(), caller_id: Some(caller_id.to_owned()), ..Entry::default() };
    entry.saying(environment_key)
}
