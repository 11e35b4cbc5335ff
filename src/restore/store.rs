//! The SQL of `copy_mark` and `restores`.

use sqlx::Row;

use crate::clock::Timestamp;
use crate::db::sidecar::Mark;
use crate::db::{Db, DbConnection, moment};
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

pub async fn mark(db: &Db) -> Result<Option<CopyMark>, sqlx::Error> {
    let select = sqlx::query("SELECT epoch, changes, cluster FROM copy_mark WHERE id = 1");
    let row = select.fetch_optional(&db.pool).await?;
    row.map(|row| {
        let mark = Mark { epoch: row.try_get("epoch")?, changes: row.try_get("changes")? };
        Ok(CopyMark { mark, cluster: row.try_get("cluster")? })
    })
    .transpose()
}

pub async fn first(db: &Db, epoch: &str, cluster: Option<&str>) -> Result<(), sqlx::Error> {
    let insert =
        "INSERT INTO copy_mark (id, epoch, changes, cluster) VALUES (1, $1, 0, $2) ON CONFLICT DO NOTHING";
    db.execute(sqlx::query(insert).bind(epoch).bind(cluster)).await.map(drop)
}

/// The same database in another place.
pub async fn adopt(db: &Db, known: &str, seen: &str) -> Result<(), sqlx::Error> {
    let update = "UPDATE copy_mark SET cluster = $1 WHERE id = 1 AND COALESCE(cluster, '') = $2";
    db.execute(sqlx::query(update).bind(seen).bind(known)).await.map(drop)
}

/// Another life of the database begins. False when another server was quicker.
pub async fn turn_over(
    transaction: &mut DbConnection,
    from: &str,
    to: &str,
    cluster: Option<&str>,
) -> Result<bool, sqlx::Error> {
    let update = "UPDATE copy_mark SET epoch = $1, changes = changes + 1, \
        cluster = COALESCE(CAST($2 AS TEXT), cluster) WHERE id = 1 AND epoch = $3";
    let done = sqlx::query(update).bind(to).bind(cluster).bind(from).execute(transaction).await?;
    Ok(done.rows_affected() == 1)
}

pub async fn record(transaction: &mut DbConnection, restore: &Restore) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO restores (id, found_at, why, newest_at, waiting) VALUES ($1, $2, $3, $4, $5)";
    sqlx::query(insert)
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
pub async fn open(db: &Db) -> Result<Option<Restore>, sqlx::Error> {
    let select = "SELECT found_at, why, newest_at, waiting FROM restores WHERE done_at IS NULL \
        ORDER BY found_at DESC LIMIT 1";
    let row = sqlx::query(select).fetch_optional(&db.pool).await?;
    row.map(|row| {
        Ok(Restore {
            found_at: Timestamp::from_unix(row.try_get("found_at")?),
            why: row.try_get("why")?,
            newest_at: moment(&row, "newest_at")?,
            connections: row.try_get("waiting")?,
        })
    })
    .transpose()
}

/// False when none was open.
pub async fn close(transaction: &mut DbConnection, now: Timestamp) -> Result<bool, sqlx::Error> {
    let update = sqlx::query("UPDATE restores SET done_at = $1 WHERE done_at IS NULL").bind(now.unix());
    Ok(update.execute(transaction).await?.rows_affected() > 0)
}
