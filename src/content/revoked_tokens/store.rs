//! The SQL of `revoked_tokens`.

use crate::clock::Timestamp;
use crate::db::{self, Db, DbConnection, sql};

/// Every one.
pub async fn all(db: &Db) -> Result<Vec<String>, db::Error> {
    let rows = sql("SELECT jti FROM revoked_tokens").all(db).await?;
    rows.iter().map(|row| row.get("jti")).collect()
}

pub async fn is_revoked(db: &Db, jti: &str) -> Result<bool, db::Error> {
    let row = sql("SELECT jti FROM revoked_tokens WHERE jti = $1").bind(jti).optional(db).await?;
    Ok(row.is_some())
}

/// False when it is there already.
pub async fn insert(
    transaction: &mut DbConnection,
    jti: &str,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let insert =
        "INSERT INTO revoked_tokens (jti, revoked_at, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let insert = sql(insert).bind(jti).bind(now.unix()).bind(expires_at.unix());
    Ok(insert.execute(transaction).await? == 1)
}

/// Drops what has run out.
pub async fn sweep(db: &Db, now: Timestamp) -> Result<(), db::Error> {
    let over = sql("SELECT jti FROM revoked_tokens WHERE expires_at <= $1").bind(now.unix());
    db.delete_each(over, "DELETE FROM revoked_tokens WHERE jti = $1 AND expires_at <= $2", now)
        .await
        .map(drop)
}
