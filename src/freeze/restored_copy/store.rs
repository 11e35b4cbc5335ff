//! The SQL of holding back: one statement for all connections of an app.

use crate::clock::Timestamp;
use crate::db::{self, DbConnection, sql};

/// Whoever is refreshing one of them at this moment holds the newest token there is: what it brings is still stored, by
/// the generation, and in doubt, for the fence has moved.
pub async fn hold(
    transaction: &mut DbConnection,
    app_id: &str,
    until: Timestamp,
    now: Timestamp,
) -> Result<i64, db::Error> {
    let update = "UPDATE connections SET status = 'in_doubt', cause = 'restored_copy', fence = fence + 1, \
            lease_until = NULL, intent_generation = generation, intent_at = $1, intent_millis = NULL, \
            retry_at = $2, refresh_due_at = NULL, updated_at = $1 \
        WHERE app_id = $3 AND refresh_token IS NOT NULL \
            AND status IN ('active', 'refreshing', 'in_doubt', 'backoff', 'misconfigured')";
    let done = sql(update).bind(now.unix()).bind(until.unix()).bind(app_id).execute(transaction).await?;
    Ok(i64::try_from(done).unwrap_or(i64::MAX))
}

/// The intent stays open: it is what says that there is doubt.
pub async fn let_go(
    transaction: &mut DbConnection,
    app_id: &str,
    until: Timestamp,
    now: Timestamp,
) -> Result<i64, db::Error> {
    let update = "UPDATE connections SET updated_at = $1, \
            retry_at = CASE WHEN access_expires_at > $1 THEN access_expires_at ELSE NULL END \
        WHERE app_id = $2 AND status = 'in_doubt' AND retry_at = $3";
    let done = sql(update).bind(now.unix()).bind(app_id).bind(until.unix()).execute(transaction).await?;
    Ok(i64::try_from(done).unwrap_or(i64::MAX))
}
