//! The SQL of what a person chose.

use crate::Broker;
use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::connection::allowed::Allowed;
use crate::connection::held::changed;
use crate::connection::store::LIVE;
use crate::db::write::Transaction;
use crate::db::{self, Constants, Db, sql};

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
) -> Result<bool, db::Error> {
    changed(broker, transaction, &seen.id, None);
    let update = Constants(format!(
        "UPDATE connections AS c SET consent_expires_at = $2, environments = $3, updated_at = $4, \
            consent_version = consent_version + 1 \
        WHERE id = $1 AND {LIVE} \
            AND (consent_expires_at IS NULL OR consent_expires_at > $4) \
            AND COALESCE(consent_expires_at, 0) = $5 AND COALESCE(environments, '') = $6"
    ));
    let done = sql(update)
        .bind(&seen.id)
        .bind(ends.map(Timestamp::unix))
        .bind(allowed.text())
        .bind(now.unix())
        .bind(seen.consent_expires_at.map_or(0, Timestamp::unix))
        .bind(seen.allowed.text().unwrap_or_default())
        .execute(&mut **transaction)
        .await?;
    Ok(done == 1)
}

/// Live connections whose time is over.
pub async fn ended(db: &Db, now: Timestamp) -> Result<Vec<String>, db::Error> {
    let select = Constants(format!(
        "SELECT id FROM connections c WHERE consent_expires_at IS NOT NULL AND consent_expires_at <= $1 \
        AND {LIVE} ORDER BY consent_expires_at LIMIT $2"
    ));
    let rows = sql(select).bind(now.unix()).bind(BATCH).all(db).await?;
    rows.iter().map(|row| row.get("id")).collect()
}
