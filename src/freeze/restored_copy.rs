//! Connections of a restored copy. It does not know what was revoked since it was made, so a freeze covers everything that
//! was agreed to before, until the operator says otherwise. Where a refresh token may have been spent since, the connection
//! is in doubt beside, and not asked for until then; nothing refreshes them in bulk.

mod store;

use super::freezes;
use super::selection::{COPY, Scope, Selection, Why};
use crate::Broker;
use crate::clock::Timestamp;
use crate::connection::status::Status;
use crate::connection::{Connection, held};
use crate::db;
use crate::db::write::Transaction;
use crate::error::Error;

/// Until then they wait, which is the end of the year 9999: the operator's word comes earlier.
const FOR_THE_OPERATOR: Timestamp = Timestamp::from_unix(253_402_300_799);

impl Connection {
    /// Whether it waits for the operator's word on a restored copy.
    #[must_use]
    pub fn is_held_back(&self) -> bool {
        self.status == Status::InDoubt && self.retry_at == Some(FOR_THE_OPERATOR)
    }
}

/// Nothing that was agreed to until now is handed out, by whatever way. A person who agrees again has another grant.
///
/// # Errors
/// When the database does not answer.
pub async fn begin(
    broker: &Broker,
    transaction: &mut Transaction,
    newest_at: Option<Timestamp>,
) -> Result<(), Error> {
    // The clock of the machine that wrote last may have been ahead; and what is of this very second is of before.
    let until = newest_at.map_or(broker.clock.now(), |newest| newest.max(broker.clock.now())).plus(1);
    let everything = Selection { issued_before: Some(until), ..Selection::of(Scope::All, "") };
    let why = Why::operator("a restored copy waits for `attache restore done`");
    freezes::begin(broker, transaction, &everything, &why, Some(COPY)).await.map(drop)
}

/// The operator has spoken.
///
/// # Errors
/// When the database does not answer.
pub async fn end(broker: &Broker, transaction: &mut Transaction) -> Result<(), db::Error> {
    freezes::end(broker, transaction, COPY).await
}

/// Holds back what an app holds; how many those are.
///
/// # Errors
/// When the database does not answer.
pub async fn hold(
    broker: &Broker,
    transaction: &mut Transaction,
    app_id: &str,
    now: Timestamp,
) -> Result<i64, db::Error> {
    held::all_changed(broker, transaction);
    store::hold(transaction, app_id, FOR_THE_OPERATOR, now).await
}

/// From now on each may be tried, when somebody needs it and its access token has run out. An answer that says that the
/// token was spent means that an answer was lost, namely to the database that is no more.
///
/// # Errors
/// When the database does not answer.
pub async fn let_go(
    broker: &Broker,
    transaction: &mut Transaction,
    app_id: &str,
    now: Timestamp,
) -> Result<i64, db::Error> {
    held::all_changed(broker, transaction);
    store::let_go(transaction, app_id, FOR_THE_OPERATOR, now).await
}
