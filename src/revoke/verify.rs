//! Tries every refresh token that is kept until its connection ends, a page at a time; changes nothing.

use super::unused_refresh_token;
use crate::Broker;
use crate::error::Error;
use crate::vault::{VaultError, Verified};

/// The refresh tokens that are kept until their connection is stopped: `limit` of them behind `after`.
///
/// # Errors
/// When the database does not answer.
pub async fn verify(broker: &Broker, after: &str, limit: i64) -> Result<Verified, Error> {
    let rows = unused_refresh_token::store::page(&broker.db, after, limit).await?;
    let mut verified = Verified::of_page(rows.len(), limit, rows.last().map(|(id, ..)| id.clone()));
    for (id, sealed, connection) in &rows {
        let opened = match connection.as_ref().map(|connection| (connection, &connection.data_key)) {
            Ok((connection, Some(wrapped))) => broker.vault.unwrap(wrapped).and_then(|key| {
                key.open(&unused_refresh_token::place(id, &connection.binding()), sealed).map(drop)
            }),
            Ok((_, None)) => Err(VaultError::KeysMissing),
            Err(_) => Err(VaultError::DoesNotOpen),
        };
        verified.value(("superseded_tokens", "refresh_token", id), opened);
    }
    Ok(verified)
}
