//! Connections of a restored copy whose refresh token may have been spent since it was made: in doubt, and not asked for
//! until the operator says so. While their access token lives it is handed out; nothing refreshes them in bulk.

mod store;

use super::Connection;
use super::state::Status;
use crate::App;
use crate::clock::Timestamp;
use crate::db::write::Transaction;

/// Until then they wait, which is the end of the year 9999: the operator's word comes earlier.
const FOR_THE_OPERATOR: Timestamp = Timestamp::from_unix(253_402_300_799);

impl Connection {
    /// Whether it waits for the operator's word on a restored copy.
    #[must_use]
    pub fn is_held_back(&self) -> bool {
        self.status == Status::InDoubt && self.retry_at == Some(FOR_THE_OPERATOR)
    }
}

/// Holds back what an app holds; how many those are.
///
/// # Errors
/// When the database does not answer.
pub async fn hold(
    app: &App,
    transaction: &mut Transaction,
    app_id: &str,
    now: Timestamp,
) -> Result<i64, sqlx::Error> {
    changed(app, transaction);
    store::hold(transaction, app_id, FOR_THE_OPERATOR, now).await
}

/// From now on each may be tried, when somebody needs it and its access token has run out. An answer that says that the
/// token was spent means that an answer was lost, namely to the database that is no more.
///
/// # Errors
/// When the database does not answer.
pub async fn let_go(
    app: &App,
    transaction: &mut Transaction,
    app_id: &str,
    now: Timestamp,
) -> Result<i64, sqlx::Error> {
    changed(app, transaction);
    store::let_go(transaction, app_id, FOR_THE_OPERATOR, now).await
}

fn changed(app: &App, transaction: &mut Transaction) {
    let app = app.clone();
    transaction.after_commit(move || app.held.connections.forget_all());
}
