//! Callers: workflow functions and backends, each with API keys and the apps it may use.

pub mod api_key;
pub mod authenticate;
pub mod create_key;
pub mod revoke_key;
mod store;

pub use store::ListedKey;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::Broker;
use crate::db;
use crate::db::write::Transaction;
use crate::error::Error;
use crate::secret::TokenHash;

/// A workflow function or backend that has shown a live key.
#[derive(Clone, Debug)]
pub struct Caller {
    pub id: String,
    pub name: String,
    /// The key it came with.
    pub key_id: String,
}

/// Every active caller, by the hashes of its live keys, and the apps that each is allowed.
#[derive(Debug, Default)]
pub struct Callers {
    by_key: HashMap<TokenHash, Arc<Caller>>,
    apps: HashMap<String, HashSet<String>>,
}

/// Whether an active caller is allowed an app.
///
/// # Errors
/// When the database does not answer.
pub async fn is_allowed(broker: &Broker, caller_id: &str, app_id: &str) -> Result<bool, Error> {
    if !broker.db.is_alone() {
        return Ok(store::is_allowed(&broker.db, caller_id, app_id).await?);
    }
    let callers = held(broker).await?;
    Ok(callers.apps.get(caller_id).is_some_and(|apps| apps.contains(app_id)))
}

/// Those that are held in memory; only where this process is alone.
async fn held(broker: &Broker) -> Result<Arc<Callers>, db::Error> {
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
