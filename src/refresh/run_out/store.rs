//! The SQL of running out: one statement a connection, and the ledger's row after it.

use crate::Broker;
use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::connection::held::changed;
use crate::db::{self, Db, sql};
use crate::ledger::{self, Action, Entry};

/// How many are looked for at once.
const BATCH: i64 = 100;

pub async fn due(db: &Db, app_id: &str, now: Timestamp) -> Result<Vec<String>, db::Error> {
    let select = "SELECT id FROM connections WHERE app_id = $1 AND refresh_due_at <= $2 AND refresh_token IS NULL \
        AND access_expires_at <= $2 AND status NOT IN ('needs_reconnect', 'revoking', 'revoked') \
        ORDER BY refresh_due_at LIMIT $3";
    let select = sql(select).bind(app_id).bind(now.unix()).bind(BATCH);
    select.all(db).await?.iter().map(|row| row.get("id")).collect()
}

pub async fn end(broker: &Broker, seen: &Connection, now: Timestamp) -> Result<(), db::Error> {
    let update = "UPDATE connections SET status = 'needs_reconnect', cause = 'no_refresh_token', retry_at = NULL, \
            refresh_due_at = NULL, updated_at = $3 \
        WHERE id = $1 AND generation = $2 AND refresh_token IS NULL \
            AND (access_token IS NULL OR access_expires_at <= $3) \
            AND status NOT IN ('needs_reconnect', 'revoking', 'revoked')";
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction, &seen.id, None);
    let done =
        sql(update).bind(&seen.id).bind(seen.generation).bind(now.unix()).execute(&mut *transaction).await?;
    if done != 1 {
        return Ok(());
    }
    let entry =
        Entry::of(seen, "attache").saying("There is no refresh token, and the access token has run out.");
    ledger::append(&mut transaction, &broker.ledger, Action::NeedsReconnect, &entry, now).await?;
    transaction.commit().await
}
