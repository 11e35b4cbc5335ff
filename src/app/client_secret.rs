//! An app's client secret: opened for a call to its issuer, and tried for the operator. Shows it to nobody.

use super::row::App;
use super::store;
use crate::Broker;
use crate::error::Error;
use crate::issuer::Client;
use crate::vault::Verified;

/// The OAuth client of an app, its secret opened.
///
/// # Errors
/// When the secret does not open.
pub fn client(broker: &Broker, app: &App) -> Result<Client, Error> {
    let secret = match &app.client_secret {
        None => None,
        Some(sealed) => {
            let place = App::secret_place(&app.id, &app.client_id);
            let key = broker.vault.data_key(&app.data_key)?;
            Some(broker.vault.open(("apps", "client_secret", &app.id), &key, &place, sealed)?)
        }
    };
    Ok(Client { id: app.client_id.clone(), secret, auth: app.client_auth })
}

/// Tries the client secrets of `limit` apps behind `after`, by id; hands out none.
///
/// # Errors
/// When the database does not answer.
pub async fn verify(broker: &Broker, after: &str, limit: i64) -> Result<Verified, Error> {
    let rows = store::secrets(&broker.db, after, limit).await?;
    let mut verified = Verified::of_page(rows.len(), limit, rows.last().map(|row| row.id.clone()));
    for row in rows {
        let Some(sealed) = &row.sealed else { continue };
        let place = App::secret_place(&row.id, &row.client_id);
        let opened = broker.vault.unwrap(&row.data_key).and_then(|key| key.open(&place, sealed).map(drop));
        verified.value(("apps", "client_secret", &row.id), opened);
    }
    Ok(verified)
}
