//! Reads the ledger: what happened to a connection, and who used it when. Writes nothing.

use super::memory::first_seq;
use super::store::{self, DayOfUse, Line};
use crate::Broker;
use crate::clock::Timestamp;
use crate::db;

/// When the last thing happened that is written down.
///
/// # Errors
/// When the database does not answer.
pub async fn newest_at(broker: &Broker) -> Result<Option<Timestamp>, db::Error> {
    store::newest_at(&broker.db).await
}

/// What happened to a connection, newest first; with `before`, only what stands before the line of that number.
///
/// # Errors
/// When the database does not answer.
pub async fn of_connection(
    broker: &Broker,
    connection_id: &str,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Line>, db::Error> {
    store::of_connection(&broker.db, connection_id, before.unwrap_or(i64::MAX), limit).await
}

/// How often a connection was used by whom on which day, from `since_day` (days since 1970) on.
///
/// # Errors
/// When the database does not answer.
pub async fn use_by_day(
    broker: &Broker,
    connection_id: &str,
    since_day: i64,
) -> Result<Vec<DayOfUse>, db::Error> {
    // A day more than is asked for: whoever wrote an entry may have had a clock that was put back since.
    let since_seq = first_seq(Timestamp::from_unix((since_day - 1) * 86_400));
    store::use_by_day(&broker.db, connection_id, since_day, since_seq).await
}
