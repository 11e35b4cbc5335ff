//! Whether another live connection would end with what is revoked. Tells nobody.

use super::store;
use crate::Broker;
use crate::connection::{ExternalIdentity, store as connections};
use crate::db;

/// Whether a live connection of an app would end with everything that this identity allowed it.
///
/// # Errors
/// When the database does not answer.
pub async fn shares_a_grant(
    broker: &Broker,
    account_id: &str,
    app_id: &str,
    identity: &ExternalIdentity,
) -> Result<bool, db::Error> {
    let named = !identity.subject.is_empty();
    if named && !connections::by_identity(&broker.db, app_id, identity).await?.is_empty() {
        return Ok(true);
    }
    // Where the issuer names nobody, or did not at the time, it may be anybody's of this person.
    let own = store::live_subjects(&broker.db, account_id, app_id).await?;
    Ok(own.iter().any(|subject| !named || subject.is_empty()))
}
