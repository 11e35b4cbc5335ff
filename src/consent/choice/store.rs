//! The SQL of what a person chose.

use sqlx::Row;

use crate::Broker;
use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::connection::allowed::Allowed;
use crate::connection::held::changed;
use crate::db::Db;
use crate::db::write::Transaction;

/// How many are ended at once.
const BATCH: i64 = 50;

/// False when it is not live, or not as it was seen.
pub async fn choose(
    broker: &Broker,
    transaction: &mut Transaction,
    seen: &Connection,
    ends: Option<Timestamp>,
    allowed: &Allowed,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    changed(broker, transaction, &seen.id, None);
    let update = "UPDATE connections SET consent_expires_at = $2, environments = $3, updated_at = $4 \
        WHERE id = $1 AND status NOT IN ('revoking', 'revoked') \
            AND (consent_expires_at IS NULL OR consent_expires_at > $5) \
            AND COALESCE(consent_expires_at, 0) = $6 AND COALESCE(environments, '') = $7";
    let done = sqlx::query(update)
        .bind(&seen.id)
        .bind(ends.map(Timestamp::unix))
        .bind(allowed.text())
        .bind(now.unix())
        .bind(now.unix())
        .bind(seen.consent_expires_at.map_or(0, Timestamp::unix))
        .bind(seen.allowed.text().unwrap_or_default())
        .execute(&mut **transaction)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Live connections whose time is over.
pub async fn ended(db: &Db, now: Timestamp) -> Result<Vec<String>, sqlx::Error> {
    let select = "SELECT id FROM connections WHERE consent_expires_at IS NOT NULL AND consent_expires_at <= $1 \
        AND status NOT IN ('revoking', 'revoked') ORDER BY consent_expires_at LIMIT $2";
    let rows = sqlx::query(select).bind(now.unix()).bind(BATCH).fetch_all(&db.pool).await?;
    rows.iter().map(|row| row.try_get("id")).collect()
}
