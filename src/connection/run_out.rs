//! Connections without a refresh token whose access token has run out: they need their person, and that is stored, told
//! and shown. Asks no issuer, and touches no connection that has a refresh token.

mod store;

use super::{Connection, by_id};
use crate::App;
use crate::error::Error;

/// Writes down that there is nothing more to hand out. Does nothing when the row has moved on.
///
/// # Errors
/// When the database does not answer.
pub async fn end(app: &App, connection: &Connection) -> Result<(), Error> {
    Ok(store::end(app, connection, app.clock.now()).await?)
}

/// All of an app whose time has come.
///
/// # Errors
/// When the database does not answer.
pub async fn end_due(app: &App, app_id: &str) -> Result<(), Error> {
    loop {
        let due = store::due(&app.db, app_id, app.clock.now()).await?;
        if due.is_empty() {
            return Ok(());
        }
        for id in due {
            if let Some(connection) = by_id(app, &id).await? {
                end(app, &connection).await?;
            }
        }
    }
}
