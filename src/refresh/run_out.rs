//! Connections without a refresh token whose access token has run out: they need their person, and that is stored, told
//! and shown. Asks no issuer, and touches no connection that has a refresh token.

mod store;

use crate::Broker;
use crate::connection::Connection;
use crate::connection::look_up::by_id;
use crate::error::Error;

/// Writes down that there is nothing more to hand out. Does nothing when the row has moved on.
///
/// # Errors
/// When the database does not answer.
pub async fn end(broker: &Broker, connection: &Connection) -> Result<(), Error> {
    Ok(store::end(broker, connection, broker.clock.now()).await?)
}

/// All of an app whose time has come.
///
/// # Errors
/// When the database does not answer.
pub async fn end_due(broker: &Broker, app_id: &str) -> Result<(), Error> {
    loop {
        let due = store::due(&broker.db, app_id, broker.clock.now()).await?;
        if due.is_empty() {
            return Ok(());
        }
        for id in due {
            if let Some(connection) = by_id(broker, &id).await? {
                end(broker, &connection).await?;
            }
        }
    }
}
