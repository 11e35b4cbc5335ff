//! The SQL of `pulse`.

use crate::clock::Timestamp;
use crate::db::{self, Db, sql};

/// A write like any other: when this returns, it is durable.
pub async fn beat(db: &Db, now: Timestamp) -> Result<(), db::Error> {
    let upsert = "INSERT INTO pulse (id, beaten_at) VALUES ('pulse', $1) \
        ON CONFLICT (id) DO UPDATE SET beaten_at = excluded.beaten_at";
    sql(upsert).bind(now.unix()).execute(db).await.map(drop)
}
