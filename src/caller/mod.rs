//! Callers: workflow functions and backends, each with API keys and the apps it may use.

pub mod api_key;
pub mod authenticate;
pub mod create_key;
pub mod revoke_key;
mod store;

pub use store::ListedKey;
pub(crate) use store::{KEY_COLUMNS, is_active, read_key};

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::Broker;
use crate::db::write::Transaction;
use crate::error::Error;
use crate::secret::TokenHash;

/// A workflow function or backend that has shown a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub id: String,
    pub name: String,
    /// The key it came with.
    pub key_id: String,
}

/// An API key as it is stored, revoked or not, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub caller: Arc<Caller>,
    pub is_revoked: bool,
    pub caller_is_active: bool,
}

/// Every key by its hash, and what is stored of every caller.
#[derive(Debug, Default)]
pub struct Callers {
    keys: HashMap<TokenHash, Arc<Key>>,
    callers: HashMap<String, Stored>,
}

/// Whether a caller is active, and which apps it is allowed.
#[derive(Debug, Default)]
struct Stored {
    is_active: bool,
    apps: HashSet<String>,
}

impl Callers {
    pub(crate) fn key(&self, hash: &TokenHash) -> Option<Arc<Key>> {
        self.keys.get(hash).cloned()
    }

    pub(crate) fn is_active(&self, id: &str) -> bool {
        self.callers.get(id).is_some_and(|caller| caller.is_active)
    }

    pub(crate) fn is_allowed(&self, id: &str, app_id: &str) -> bool {
        self.callers.get(id).is_some_and(|caller| caller.apps.contains(app_id))
    }
}

/// The key of this hash.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn key(broker: &Broker, hash: &TokenHash) -> Result<Option<Arc<Key>>, sqlx::Error> {
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

/// All of them, from memory where this process is alone.
pub(crate) async fn all(broker: &Broker) -> Result<Arc<Callers>, sqlx::Error> {
    broker.held.callers.get(&broker.db, async || store::all(&broker.db).await).await
}

/// Callers or keys are changed in this transaction.
fn changed(broker: &Broker, transaction: &mut Transaction) {
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

/// Every key, for the operator.
///
/// # Errors
/// When the database does not answer.
pub async fn list_keys(broker: &Broker) -> Result<Vec<ListedKey>, Error> {
    Ok(store::list_keys(&broker.db).await?)
}
