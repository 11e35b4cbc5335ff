//! Finds permanent tokens that stand: in memory where this process is alone with its database, else by a statement. One that
//! was revoked, has run out, is frozen or never was is the same nothing.

use std::sync::Arc;

use super::row::PermanentToken;
use super::store::{self, Listed};
use crate::Broker;
use crate::credential::{self, Kind};
use crate::db::write::Transaction;
use crate::error::Error;
use crate::freeze::freezes;
use crate::secret::Token;

/// The one that somebody shows at an environment. Its use is noted.
///
/// # Errors
/// When the database does not answer.
pub async fn shown_at(
    broker: &Broker,
    environment_id: &str,
    token: &Token,
) -> Result<Option<Arc<PermanentToken>>, Error> {
    let found = by_token(broker, token).await?.filter(|found| found.environment_id == environment_id);
    if let Some(found) = &found {
        broker.limits.know(token);
        broker.permanent_token_uses.note(&found.id, broker.clock.now());
    }
    Ok(found)
}

/// Whichever this one is.
///
/// # Errors
/// When the database does not answer.
pub async fn by_token(broker: &Broker, token: &Token) -> Result<Option<Arc<PermanentToken>>, Error> {
    let Some(hash) = credential::recognise(Kind::PermanentToken, token.expose()) else { return Ok(None) };
    let load = async || store::all(&broker.db).await;
    let found = match broker.held.permanent_tokens.held(&broker.db, load).await? {
        None => store::by_hash(&broker.db, &hash).await?.map(Arc::new),
        Some(held) => match held.by_hash(&hash) {
            // Restored from an old copy, it may have been revoked since.
            Some(found) if freezes::stops_nobodys(broker, None, found.made_at).await? => None,
            found => found,
        },
    };
    Ok(found.filter(|found| found.stands(broker.clock.now())))
}

/// Permanent tokens are changed in this transaction.
pub(super) fn changed(broker: &Broker, transaction: &mut Transaction) {
    let broker = broker.clone();
    transaction.after_commit(move || broker.held.permanent_tokens.forget());
}

/// Every one, for the operator.
///
/// # Errors
/// When the database does not answer.
pub async fn list(broker: &Broker) -> Result<Vec<Listed>, Error> {
    Ok(store::list(&broker.db).await?)
}
