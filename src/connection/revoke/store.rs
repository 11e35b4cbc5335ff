//! What is still to be told to issuers: written with the revoke, taken out when the issuer confirmed. Holds no
//! secret; the token to be revoked stays sealed in its connection.

use sqlx::{AnyConnection, Row as _};

use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::db::Db;
use crate::secret::random_id;

/// Seconds after which whoever was to tell is taken for lost.
const CLAIM: i64 = 60;
/// How many are told at once.
const BATCH: i64 = 20;

/// Written as claimed by this process, which tells the issuer itself right after the commit.
pub async fn enqueue(
    transaction: &mut AnyConnection,
    connection: &Connection,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO outbox (id, kind, connection_id, subject, status, attempts, next_at, created_at) \
        VALUES ($1, 'revoke', $2, $3, 'pending', 0, $4, $5)";
    sqlx::query(insert)
        .bind(format!("ob_{}", random_id::<20>()))
        .bind(&connection.id)
        .bind(&connection.external.subject)
        .bind(now.plus(CLAIM).unix())
        .bind(now.unix())
        .execute(transaction)
        .await
        .map(drop)
}

pub async fn done(db: &Db, connection_id: &str, now: Timestamp) -> Result<(), sqlx::Error> {
    db.execute(sqlx::query(
        "UPDATE outbox SET status = 'done', attempts = attempts + 1, done_at = $2 WHERE connection_id = $1",
    )
    .bind(connection_id)
    .bind(now.unix()))
    .await
    .map(drop)
}

/// The connections whose issuers are to be told now. Each is claimed for a minute, by one replica.
pub async fn claim_due(db: &Db, now: Timestamp) -> Result<Vec<String>, sqlx::Error> {
    let update = "UPDATE outbox SET next_at = $1 WHERE status = 'pending' AND kind = 'revoke' AND next_at <= $2 AND id IN \
        (SELECT id FROM outbox WHERE status = 'pending' AND kind = 'revoke' AND next_at <= $2 ORDER BY next_at LIMIT $3) \
        RETURNING connection_id";
    let mut transaction = db.begin().await?;
    let rows = sqlx::query(update)
        .bind(now.plus(CLAIM).unix())
        .bind(now.unix())
        .bind(BATCH)
        .fetch_all(&mut *transaction)
        .await?;
    transaction.commit().await?;
    rows.iter().map(|row| row.try_get("connection_id")).collect()
}

/// To be told again after `pause` seconds, and less and less often.
pub async fn failed(
    db: &Db,
    connection_id: &str,
    said: &str,
    now: Timestamp,
    pause: i64,
) -> Result<(), sqlx::Error> {
    let update = "UPDATE outbox SET attempts = attempts + 1, last_error = $2, \
            next_at = $3 + $4 * CASE WHEN attempts < 5 THEN 1 WHEN attempts < 20 THEN 10 ELSE 120 END \
        WHERE connection_id = $1 AND status = 'pending'";
    let update = sqlx::query(update).bind(connection_id).bind(said).bind(now.unix()).bind(pause);
    db.execute(update).await.map(drop)
}

/// To be told at this moment, and no attempt counted.
pub async fn defer(db: &Db, connection_id: &str, until: Timestamp) -> Result<(), sqlx::Error> {
    db.execute(
        sqlx::query("UPDATE outbox SET next_at = $2 WHERE connection_id = $1 AND status = 'pending'")
            .bind(connection_id)
            .bind(until.unix()),
    )
    .await
    .map(drop)
}
