//! Who and what a freeze or a mass revoke would reach: people, live grants, apps and last uses. Changes nothing.

pub(crate) mod store;

use super::selection::Selection;
use crate::Broker;
use crate::account::KnownAs;
use crate::clock::Timestamp;
use crate::error::Error;

/// What was found. The counts are exact; the lists end after as many as were asked for.
#[derive(Debug)]
pub struct Survey {
    pub people: i64,
    pub connections: i64,
    /// Used since a day ago.
    pub used_lately: i64,
    pub last_used_at: Option<Timestamp>,
    /// Those with the most connections first.
    pub apps: Vec<OfApp>,
    /// Those with the most connections first.
    pub accounts: Vec<OfAccount>,
    /// In the order in which a mass revoke ends them.
    pub grants: Vec<Grant>,
}

#[derive(Debug)]
pub struct OfApp {
    pub key: String,
    pub people: i64,
    pub connections: i64,
    pub last_used_at: Option<Timestamp>,
}

#[derive(Debug)]
pub struct OfAccount {
    pub person: KnownAs,
    pub connections: i64,
    pub last_used_at: Option<Timestamp>,
}

#[derive(Debug)]
pub struct Grant {
    pub id: String,
    pub app_key: String,
    pub person: KnownAs,
    pub status: String,
    pub consented_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

/// # Errors
/// When the database does not answer.
pub async fn survey(broker: &Broker, selection: &Selection, limit: u32) -> Result<Survey, Error> {
    let since = broker.clock.now().plus(-86_400);
    let counted = store::count(&broker.db, selection, since).await?;
    Ok(Survey {
        people: counted.people,
        connections: counted.connections,
        used_lately: counted.used_lately,
        last_used_at: counted.last_used_at,
        apps: store::apps(&broker.db, selection, limit.into()).await?,
        accounts: store::accounts(&broker.db, selection, limit.into()).await?,
        grants: store::grants(&broker.db, selection, limit.into()).await?,
    })
}

/// How many live connections a selection has.
///
/// # Errors
/// When the database does not answer.
pub async fn count(broker: &Broker, selection: &Selection) -> Result<i64, Error> {
    Ok(store::connections(&broker.db, selection).await?)
}
