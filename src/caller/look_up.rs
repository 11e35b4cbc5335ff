//! Finds callers, their keys and the apps that they may use: in memory where this process is alone with its database, else
//! by a statement. Judges no key; see [`super::authenticate`].

use std::sync::Arc;

use super::row::{Callers, Key, Permitted};
use super::store::{self, ListedKey, ListedPermitted};
use crate::Broker;
use crate::db;
use crate::db::write::Transaction;
use crate::error::Error;
use crate::freeze::freezes;
use crate::secret::TokenHash;

/// The key of this hash.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn key(broker: &Broker, hash: &TokenHash) -> Result<Option<Arc<Key>>, db::Error> {
    match broker.held.callers.held(&broker.db, async || store::all(&broker.db).await).await? {
        Some(callers) => Ok(callers.key(hash)),
        None => Ok(store::key(&broker.db, hash).await?.map(Arc::new)),
    }
}

/// Whether an active caller is allowed an app.
///
/// # Errors
/// When the database does not answer.
pub async fn is_allowed(broker: &Broker, caller_id: &str, app_id: &str) -> Result<bool, Error> {
    match broker.held.callers.held(&broker.db, async || store::all(&broker.db).await).await? {
        Some(callers) => Ok(callers.is_active(caller_id) && callers.is_allowed(caller_id, app_id)),
        None => Ok(store::is_allowed(&broker.db, caller_id, app_id).await?),
    }
}

/// What a caller may do by itself at an environment.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn permitted(
    broker: &Broker,
    caller_id: &str,
    environment_id: &str,
) -> Result<Option<Permitted>, db::Error> {
    let Some(held) = broker.held.callers.held(&broker.db, async || store::all(&broker.db).await).await?
    else {
        return store::permitted(&broker.db, caller_id, environment_id).await;
    };
    let Some(mut found) = held.permitted(caller_id, environment_id) else { return Ok(None) };
    found.is_frozen = freezes::stops_nobodys(broker, Some(caller_id), found.since).await?;
    Ok(Some(found))
}

/// All of them, from memory where this process is alone.
pub(crate) async fn all(broker: &Broker) -> Result<Arc<Callers>, db::Error> {
    broker.held.callers.get(&broker.db, async || store::all(&broker.db).await).await
}

/// Callers or keys are changed in this transaction.
pub(super) fn changed(broker: &Broker, transaction: &mut Transaction) {
    let broker = broker.clone();
    transaction.after_commit(move || broker.held.callers.forget());
}

/// The id of a caller, by its id or its name.
///
/// # Errors
/// When the database does not answer.
pub async fn id_of(broker: &Broker, text: &str) -> Result<Option<String>, Error> {
    if text.contains(char::is_control) {
        return Ok(None);
    }
    Ok(store::id_of(&broker.db, text).await?)
}

/// What each caller may do by itself, for the operator.
///
/// # Errors
/// When the database does not answer.
pub async fn list_permitted(broker: &Broker) -> Result<Vec<ListedPermitted>, Error> {
    Ok(store::list_permitted(&broker.db).await?)
}

/// Every key, for the operator.
///
/// # Errors
/// When the database does not answer.
pub async fn list_keys(broker: &Broker) -> Result<Vec<ListedKey>, Error> {
    Ok(store::list_keys(&broker.db).await?)
}
