//! The SQL of `replicas`.

use sqlx::Row;

use crate::Broker;
use crate::clock::Timestamp;
use crate::db::Db;

/// A server that was seen.
pub struct Seen {
    pub id: String,
    pub master_kids: Vec<String>,
    pub wraps: String,
}

pub async fn put(broker: &Broker, id: &str, now: Timestamp) -> Result<(), sqlx::Error> {
    let upsert = "INSERT INTO replicas (id, master_kids, wraps, seen_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (id) DO UPDATE SET wraps = excluded.wraps, seen_at = excluded.seen_at";
    let kids = broker.vault.kids().collect::<Vec<_>>().join(" ");
    let upsert = sqlx::query(upsert).bind(id).bind(kids).bind(broker.vault.wraps_by()).bind(now.unix());
    broker.db.execute(upsert).await.map(drop)
}

/// False when the row is not as this server left it, or is older. A newer one is its own, too, whose answer was lost.
pub async fn renew(
    broker: &Broker,
    id: &str,
    seen_at: Timestamp,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let update = "UPDATE replicas SET wraps = $1, seen_at = $2 WHERE id = $3 AND seen_at >= $4";
    let update =
        sqlx::query(update).bind(broker.vault.wraps_by()).bind(now.unix()).bind(id).bind(seen_at.unix());
    Ok(broker.db.execute(update).await? == 1)
}

pub async fn remove(db: &Db, id: &str) -> Result<(), sqlx::Error> {
    db.execute(sqlx::query("DELETE FROM replicas WHERE id = $1").bind(id)).await.map(drop)
}

pub async fn sweep(db: &Db, before: Timestamp) -> Result<(), sqlx::Error> {
    let delete = sqlx::query("DELETE FROM replicas WHERE seen_at < $1").bind(before.unix());
    db.execute(delete).await.map(drop)
}

pub async fn seen_since(db: &Db, since: Timestamp) -> Result<Vec<Seen>, sqlx::Error> {
    let select = "SELECT id, master_kids, wraps FROM replicas WHERE seen_at >= $1";
    let rows = sqlx::query(select).bind(since.unix()).fetch_all(&db.pool).await?;
    let read = |row: &sqlx::any::AnyRow| {
        let kids: String = row.try_get("master_kids")?;
        Ok(Seen {
            id: row.try_get("id")?,
            master_kids: kids.split(' ').map(str::to_owned).collect(),
            wraps: row.try_get("wraps")?,
        })
    };
    rows.iter().map(read).collect()
}
