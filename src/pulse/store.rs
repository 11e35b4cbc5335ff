//! The SQL of `pulse`.

use crate::clock::Timestamp;
use crate::db::Db;

/// A write like any other: when this returns, it is durable.
pub async fn beat(db: &Db, now: Timestamp) -> Result<(), sqlx::Error> {
    let upsert = "INSERT INTO pulse (id, beaten_at) VALUES ('pulse', $1) \
        ON CONFLICT (id) DO UPDATE SET beaten_at = excluded.beaten_at";
    db.execute(sqlx::query(upsert).bind(now.unix())).await.map(drop)
}
