//! The SQL of `copy_mark` and `restores`.

use crate::clock::Timestamp;
use crate::db::sidecar::Mark;
use crate::db::{self, Db, DbConnection, moment, sql};
use crate::secret::random_id;

/// What the database knows of itself.
pub struct CopyMark {
    pub mark: Mark,
    pub cluster: Option<String>,
}

/// An old copy in the database's place.
#[derive(Clone, Debug)]
pub struct Restore {
    pub found_at: Timestamp,
    pub why: String,
    /// The last thing that the copy knows of.
    pub newest_at: Option<Timestamp>,
    /// Connections that wait for the operator's word.
    pub connections: i64,
}

pub async fn mark(db: &Db) -> Result<Option<CopyMark>, db::Error> {
    let select = sql("SELECT epoch, changes, cluster FROM copy_mark WHERE id = 1");
    let row = select.optional(db).await?;
    row.map(|row| {
        let mark = Mark { epoch: row.get("epoch")?, changes: row.get("changes")? };
        Ok(CopyMark { mark, cluster: row.get("cluster")? })
    })
    .transpose()
}

pub async fn first(db: &Db, epoch: &str, cluster: Option<&str>) -> Result<(), db::Error> {
    let insert =
        "INSERT INTO copy_mark (id, epoch, changes, cluster) VALUES (1, $1, 0, $2) ON CONFLICT DO NOTHING";
    sql(insert).bind(epoch).bind(cluster).execute(db).await.map(drop)
}

/// The same database in another place.
pub async fn adopt(db: &Db, known: &str, seen: &str) -> Result<(), db::Error> {
    let update = "UPDATE copy_mark SET cluster = $1 WHERE id = 1 AND COALESCE(cluster, '') = $2";
    sql(update).bind(seen).bind(known).execute(db).await.map(drop)
}

/// Another life of the database begins. False when another server was quicker.
pub async fn turn_over(
    transaction: &mut DbConnection,
    from: &str,
    to: &str,
    cluster: Option<&str>,
) -> Result<bool, db::Error> {
    let update = "UPDATE copy_mark SET epoch = $1, changes = changes + 1, \
        cluster = COALESCE(CAST($2 AS TEXT), cluster) WHERE id = 1 AND epoch = $3";
    let done = sql(update).bind(to).bind(cluster).bind(from).execute(transaction).await?;
    Ok(done == 1)
}

pub async fn record(transaction: &mut DbConnection, restore: &Restore) -> Result<(), db::Error> {
    let insert = "INSERT INTO restores (id, found_at, why, newest_at, waiting) VALUES ($1, $2, $3, $4, $5)";
    sql(insert)
        .bind(format!("re_{}", random_id::<12>()))
        .bind(restore.found_at.unix())
        .bind(&restore.why)
        .bind(restore.newest_at.map(Timestamp::unix))
        .bind(restore.connections)
        .execute(transaction)
        .await
        .map(drop)
}

/// The newest that is open.
pub async fn open(db: &Db) -> Result<Option<Restore>, db::Error> {
    let select = "SELECT found_at, why, newest_at, waiting FROM restores WHERE done_at IS NULL \
        ORDER BY found_at DESC LIMIT 1";
    let row = sql(select).optional(db).await?;
    row.map(|row| {
        Ok(Restore {
            found_at: Timestamp::from_unix(row.get("found_at")?),
            why: row.get("why")?,
            newest_at: moment(&row, "newest_at")?,
            connections: row.get("waiting")?,
        })
    })
    .transpose()
}

/// False when none was open.
pub async fn close(transaction: &mut DbConnection, now: Timestamp) -> Result<bool, db::Error> {
    let update = sql("UPDATE restores SET done_at = $1 WHERE done_at IS NULL").bind(now.unix());
    Ok(update.execute(transaction).await? > 0)
}
