//! Tries every sealed content token and signing key, a page at a time; hands out nothing.

use super::exchange::place;
use super::{signing_key, store};
use crate::Broker;
use crate::connection::seal::Binding;
use crate::error::Error;
use crate::vault::{VaultError, Verified};

/// `limit` content tokens behind `after`, by id.
///
/// # Errors
/// When the database does not answer.
pub async fn verify_tokens(broker: &Broker, after: &str, limit: i64) -> Result<Verified, Error> {
    let rows = store::tokens(&broker.db, after, limit).await?;
    let mut verified = Verified::of_page(rows.len(), limit, rows.last().map(|row| row.id.clone()));
    for row in rows {
        let of = Binding {
            connection_id: &row.connection_id,
            account_id: &row.account_id,
            app_id: &row.app_id,
            generation: row.generation,
        };
        let key =
            row.data_key.as_ref().ok_or(VaultError::KeysMissing).and_then(|key| broker.vault.unwrap(key));
        let opened = key.and_then(|key| key.open(&place(&row.id, of), &row.token).map(drop));
        verified.value(("content_tokens", "token", &row.id), opened);
    }
    Ok(verified)
}

/// All signing keys; they are few.
///
/// # Errors
/// When the database does not answer.
pub async fn verify_signing_keys(broker: &Broker) -> Result<Verified, Error> {
    let mut verified = Verified::default();
    for stored in signing_key::store::signing_keys(&broker.db).await? {
        let opened = broker.house_key.open(&signing_key::place(&stored.kid), &stored.private_key).map(drop);
        verified.value(("signing_keys", "private_key", &stored.kid), opened);
    }
    Ok(verified)
}
