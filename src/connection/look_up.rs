//! Finds connections: one by its id, those of an account, of an app, of an identity. Judges nothing and hands nothing out.

use std::sync::Arc;

use super::status::Status;
use super::{Connection, ExternalIdentity, held, identity, store};
use crate::Broker;
use crate::db;
use crate::db::write::Transaction;
use crate::error::Error;

/// How many there are, counted no further than somebody who must act wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(i64);

impl Count {
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let more = if self.0 == store::COUNTED { " or more" } else { "" };
        write!(formatter, "{}{more}", self.0)
    }
}

/// Connections of an app that are not revoked.
///
/// # Errors
/// When the database does not answer.
pub async fn count_live(broker: &Broker, app_id: &str) -> Result<Count, Error> {
    Ok(Count(store::count(&broker.db, app_id, Status::is_live).await?))
}

/// Connections of an app that still hold a token, those that are being revoked included.
///
/// # Errors
/// When the database does not answer.
pub async fn count_held(broker: &Broker, app_id: &str) -> Result<Count, Error> {
    Ok(Count(store::count(&broker.db, app_id, |status| status != Status::Revoked).await?))
}

/// The live connections of an app with an external identity.
///
/// # Errors
/// When the database does not answer.
pub async fn by_identity(
    broker: &Broker,
    app_id: &str,
    identity: &ExternalIdentity,
) -> Result<Vec<Connection>, Error> {
    Ok(store::by_identity(&broker.db, app_id, identity).await?)
}

/// Whether there is any connection, live or not.
///
/// # Errors
/// When the database does not answer.
pub async fn exist(broker: &Broker) -> Result<bool, db::Error> {
    store::exist(&broker.db).await
}

/// A connection as it is stored, live or not.
///
/// # Errors
/// When the database does not answer.
pub async fn by_id(broker: &Broker, id: &str) -> Result<Option<Connection>, Error> {
    Ok(store::by_id(&broker.db, id).await?)
}

/// A connection as it is now, if it is still live.
///
/// # Errors
/// [`Error::ConnectionNotFound`]
pub async fn reread(broker: &Broker, connection: &Connection) -> Result<Arc<Connection>, Error> {
    let current = held::by_id(broker, &connection.id).await?;
    current.filter(|current| current.is_live()).ok_or(Error::ConnectionNotFound)
}

/// The ids of an app's live connections.
///
/// # Errors
/// When the database does not answer.
pub async fn live_ids(broker: &Broker, app_id: &str) -> Result<Vec<String>, Error> {
    Ok(store::live_ids(&broker.db, app_id).await?)
}

/// A connection of this account, live or not.
///
/// # Errors
/// [`Error::ConnectionNotFound`]
pub async fn of_account(broker: &Broker, account_id: &str, id: &str) -> Result<Connection, Error> {
    store::of_account(&broker.db, account_id, id).await?.ok_or(Error::ConnectionNotFound)
}

/// The live connections of an account.
///
/// # Errors
/// When the database does not answer.
pub async fn live_of_account(broker: &Broker, account_id: &str) -> Result<Vec<Connection>, Error> {
    Ok(store::live_of_account(&broker.db, account_id).await?)
}

/// Removes whom the revoked connections of an account were at their issuers.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_identities(
    broker: &Broker,
    transaction: &mut Transaction,
    account_id: &str,
) -> Result<(), db::Error> {
    for id in identity::store::forget(transaction, account_id).await? {
        held::changed(broker, transaction, &id, None);
    }
    Ok(())
}
