//! Finds accounts: by id, and by whom an issuer names. Changes nothing.

use std::sync::Arc;

use super::person::{Account, is_id};
use super::{our_client, store};
use crate::Broker;
use crate::db;
use crate::error::Error;

/// # Errors
/// When the database does not answer.
pub async fn by_id(broker: &Broker, id: &str) -> Result<Option<Arc<Account>>, db::Error> {
    broker.held.accounts.get(&broker.db, id, async || store::by_id(&broker.db, id).await).await
}

/// Also of somebody who is gone, for what is still to be ended of theirs.
///
/// # Errors
/// When the database does not answer.
pub async fn by_id_even_deleted(broker: &Broker, id: &str) -> Result<Option<Account>, db::Error> {
    store::by_id_even_deleted(&broker.db, id).await
}

/// The account of this id, or of this subject at the sign-in issuer.
///
/// # Errors
/// When the database does not answer.
pub async fn by_id_or_subject(broker: &Broker, text: &str) -> Result<Option<Account>, Error> {
    if is_id(text)
        && let Some(account) = store::by_id(&broker.db, text).await?
    {
        return Ok(Some(account));
    }
    // PostgreSQL refuses some of the texts that cannot be a subject.
    if text.contains(char::is_control) {
        return Ok(None);
    }
    let issuer = our_client::issuer(broker).await?;
    Ok(store::by_subject(&broker.db, issuer.identifier().unwrap_or_default(), text).await?)
}

/// The account of a subject at an issuer.
///
/// # Errors
/// When the database does not answer.
pub async fn by_subject(broker: &Broker, issuer: &str, subject: &str) -> Result<Option<Account>, Error> {
    if [issuer, subject].iter().any(|text| text.contains(char::is_control)) {
        return Ok(None);
    }
    Ok(store::by_subject(&broker.db, issuer, subject).await?)
}
