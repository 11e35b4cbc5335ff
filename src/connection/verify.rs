//! Tries every sealed value of connections, a page at a time; changes nothing and hands out nothing.

mod store;

use super::seal::place_of;
use crate::Broker;
use crate::db;
use crate::error::Error;
use crate::vault::{DataKey, Sealed, VaultError, Verified};

/// The tokens of `limit` connections behind `after`.
///
/// # Errors
/// When the database does not answer.
pub async fn verify(broker: &Broker, after: &str, limit: i64) -> Result<Verified, Error> {
    let rows = store::page(&broker.db, after, limit).await?;
    let mut verified = Verified::of_page(rows.len(), limit, rows.last().map(|row| row.id.clone()));
    for row in rows {
        let Ok(connection) = row.connection else {
            verified.value(("connections", "status", &row.id), Err(VaultError::DoesNotOpen));
            continue;
        };
        let key = match &connection.data_key {
            Some(wrapped) => broker.vault.unwrap(wrapped),
            None => Err(VaultError::KeysMissing),
        };
        let generation = connection.generation;
        // The one before was sealed for the generation before.
        let values = [
            ("access_token", "access_token", connection.access_token.as_ref(), generation),
            ("refresh_token", "refresh_token", connection.refresh_token.as_ref(), generation),
            ("previous_refresh_token", "refresh_token", row.previous.as_ref(), generation - 1),
        ];
        for (column, field, sealed, generation) in values {
            let Some(sealed) = sealed else { continue };
            let place = place_of(&connection, field, generation);
            let opened = open(key.as_ref(), |key| key.open(&place, sealed).map(drop));
            verified.value(("connections", column, &connection.id), opened);
        }
    }
    Ok(verified)
}

fn open(
    key: Result<&DataKey, &VaultError>,
    with: impl FnOnce(&DataKey) -> Result<(), VaultError>,
) -> Result<(), VaultError> {
    key.map_err(Clone::clone).and_then(with)
}

/// A row as it is stored.
struct Row {
    id: String,
    /// Fails where a column holds a word that is none.
    connection: Result<super::Connection, db::Error>,
    previous: Option<Sealed>,
}
