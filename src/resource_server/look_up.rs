//! Finds resource servers: in memory where this process is alone with its database, else by a statement. Judges none; see
//! [`super::authenticate`].

use std::sync::Arc;

use super::row::{ResourceServer, ResourceServers};
use super::store::{self, Listed};
use crate::Broker;
use crate::db;
use crate::db::write::Transaction;
use crate::error::Error;
use crate::secret::TokenHash;

/// All of them; None where nothing is held in memory.
pub(super) async fn held(broker: &Broker) -> Result<Option<Arc<ResourceServers>>, db::Error> {
    broker.held.resource_servers.held(&broker.db, async || store::all(&broker.db).await).await
}

/// The one whose secret has this hash, revoked or not.
pub(super) async fn by_secret(
    broker: &Broker,
    hash: &TokenHash,
) -> Result<Option<Arc<ResourceServer>>, db::Error> {
    match held(broker).await? {
        Some(held) => Ok(held.by_secret(hash)),
        None => Ok(store::by_secret(&broker.db, hash).await?.map(Arc::new)),
    }
}

/// Resource servers are changed in this transaction.
pub(super) fn changed(broker: &Broker, transaction: &mut Transaction) {
    let broker = broker.clone();
    transaction.after_commit(move || broker.held.resource_servers.forget());
}

/// Every one, for the operator.
///
/// # Errors
/// When the database does not answer.
pub async fn list(broker: &Broker) -> Result<Vec<Listed>, Error> {
    Ok(store::list(&broker.db).await?)
}
