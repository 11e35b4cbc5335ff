//! Changes rows of apps and issuers, and lets go of what memory holds of them.

use super::rules::{AppStatus, Source};
use super::store;
use crate::Broker;
use crate::db;
use crate::db::write::Transaction;
use crate::issuer::Issuer;

/// Apps or issuers are changed in this transaction.
pub(super) fn changed(broker: &Broker, transaction: &mut Transaction) {
    let broker = broker.clone();
    transaction.after_commit(move || broker.held.apps.forget());
}

/// Writes an issuer; false when one of the same key has another source.
pub(super) async fn put_issuer(broker: &Broker, issuer: &Issuer, source: Source) -> Result<bool, db::Error> {
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    let put = store::put_issuer(&mut transaction, issuer, source, broker.clock.now()).await?;
    transaction.commit().await?;
    Ok(put)
}

/// Hands nothing of an app out any more.
pub(super) async fn suspend(broker: &Broker, id: &str) -> Result<(), db::Error> {
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    store::set_status(&mut transaction, id, AppStatus::Suspended, broker.clock.now()).await?;
    transaction.commit().await
}
