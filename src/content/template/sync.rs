//! Brings the templates in line with the configuration file at boot, so that every server on the database goes by the same
//! ones. What is gone from the file is suspended, never deleted.

use super::look_up::changed;
use super::store;
use crate::Broker;
use crate::db::write::Transaction;
use crate::error::Error;

/// In the transaction that brings the environments, which name templates, in line too.
///
/// # Errors
/// When the database refuses.
pub async fn sync(broker: &Broker, transaction: &mut Transaction) -> Result<(), Error> {
    let now = broker.clock.now();
    changed(broker, transaction);
    let templates = &broker.config.templates;
    let kept: Vec<&str> = templates.keys().map(String::as_str).collect();
    store::suspend_all_but(transaction, &kept, now).await?;
    for (name, definition) in templates {
        let text = serde_json::to_string(definition).map_err(|error| Error::Internal(error.to_string()))?;
        store::put(transaction, name, &text, now).await?;
    }
    Ok(())
}
