//! The SQL of `replicas`.

use crate::Broker;
use crate::clock::Timestamp;
use crate::db::{self, Db, Row, sql};

/// A server that was seen.
pub struct Seen {
    pub id: String,
    pub master_kids: Vec<String>,
    pub wraps: String,
}

pub async fn put(broker: &Broker, id: &str, now: Timestamp) -> Result<(), db::Error> {
    let upsert = "INSERT INTO replicas (id, master_kids, wraps, seen_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (id) DO UPDATE SET wraps = excluded.wraps, seen_at = excluded.seen_at";
    let kids = broker.vault.kids().collect::<Vec<_>>().join(" ");
    let upsert = sql(upsert).bind(id).bind(kids).bind(broker.vault.wraps_by()).bind(now.unix());
    upsert.execute(&broker.db).await.map(drop)
}

/// False when the row is not as this server left it, or is older. A newer one is its own, too, whose answer was lost.
pub async fn renew(broker: &Broker, id: &str, seen_at: Timestamp, now: Timestamp) -> Result<bool, db::Error> {
    let update = "UPDATE replicas SET wraps = $1, seen_at = $2 WHERE id = $3 AND seen_at >= $4";
    let update = sql(update).bind(broker.vault.wraps_by()).bind(now.unix()).bind(id).bind(seen_at.unix());
    Ok(update.execute(&broker.db).await? == 1)
}

pub async fn remove(db: &Db, id: &str) -> Result<(), db::Error> {
    sql("DELETE FROM replicas WHERE id = $1").bind(id).execute(db).await.map(drop)
}

pub async fn sweep(db: &Db, before: Timestamp) -> Result<(), db::Error> {
    let delete = sql("DELETE FROM replicas WHERE seen_at < $1").bind(before.unix());
    delete.execute(db).await.map(drop)
}

pub async fn seen_since(db: &Db, since: Timestamp) -> Result<Vec<Seen>, db::Error> {
    let select = "SELECT id, master_kids, wraps FROM replicas WHERE seen_at >= $1";
    let rows = sql(select).bind(since.unix()).all(db).await?;
    let read = |row: &Row| {
        let kids: String = row.get("master_kids")?;
        Ok(Seen {
            id: row.get("id")?,
            master_kids: kids.split(' ').map(str::to_owned).collect(),
            wraps: row.get("wraps")?,
        })
    };
    rows.iter().map(read).collect()
}
