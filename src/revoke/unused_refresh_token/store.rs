//! The SQL of `superseded_tokens`.

use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::connection::store::{COLUMNS, FROM, LIVE, read};
use crate::db::{self, Constants, Db, DbConnection, sql};
use crate::vault::Sealed;

/// One of them.
pub struct Row {
    pub id: String,
    pub subject: String,
    pub sealed: Sealed,
}

/// Holds the row of a live connection until the transaction ends. False when it is not live.
pub async fn hold_live(
    transaction: &mut DbConnection,
    connection_id: &str,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let update = Constants(format!("UPDATE connections AS c SET updated_at = $2 WHERE id = $1 AND {LIVE}"));
    let done = sql(update).bind(connection_id).bind(now.unix()).execute(transaction).await?;
    Ok(done == 1)
}

pub async fn insert(
    transaction: &mut DbConnection,
    connection_id: &str,
    row: &Row,
    now: Timestamp,
) -> Result<(), db::Error> {
    let insert = "INSERT INTO superseded_tokens (id, connection_id, external_subject, refresh_token, created_at) \
        VALUES ($1, $2, $3, $4, $5)";
    sql(insert)
        .bind(&row.id)
        .bind(connection_id)
        .bind(&row.subject)
        .bind(&row.sealed.0)
        .bind(now.unix())
        .execute(transaction)
        .await
        .map(drop)
}

/// Leaves the newest ones; how many went.
pub async fn drop_beyond(
    transaction: &mut DbConnection,
    connection_id: &str,
    most: i64,
) -> Result<u64, db::Error> {
    let delete = "DELETE FROM superseded_tokens WHERE connection_id = $1 AND id NOT IN \
        (SELECT id FROM superseded_tokens WHERE connection_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2)";
    let delete = sql(delete).bind(connection_id).bind(most);
    delete.execute(transaction).await
}

/// Those of a connection, oldest first.
pub async fn of(db: &Db, connection_id: &str) -> Result<Vec<Row>, db::Error> {
    let select = "SELECT id, external_subject, refresh_token FROM superseded_tokens WHERE connection_id = $1 \
        ORDER BY created_at, id";
    let rows = sql(select).bind(connection_id).all(db).await?;
    let read = |row: &db::Row| {
        Ok(Row {
            id: row.get("id")?,
            subject: row.get("external_subject")?,
            sealed: Sealed(row.get("refresh_token")?),
        })
    };
    rows.iter().map(read).collect()
}

/// The issuer has confirmed it.
pub async fn forget(db: &Db, id: &str) -> Result<(), db::Error> {
    sql("DELETE FROM superseded_tokens WHERE id = $1").bind(id).execute(db).await.map(drop)
}

/// With the connection's secrets.
pub async fn forget_all(transaction: &mut DbConnection, connection_id: &str) -> Result<(), db::Error> {
    let delete = sql("DELETE FROM superseded_tokens WHERE connection_id = $1").bind(connection_id);
    delete.execute(transaction).await.map(drop)
}

/// `limit` of them behind `after`, by id, each with its connection.
pub async fn page(
    db: &Db,
    after: &str,
    limit: i64,
) -> Result<Vec<(String, Sealed, Result<Connection, db::Error>)>, db::Error> {
    // Only constants are joined.
    let select = Constants(format!(
        "SELECT s.id AS superseded_id, s.refresh_token AS superseded, {COLUMNS} {FROM} \
         JOIN superseded_tokens s ON s.connection_id = c.id WHERE s.id > $1 ORDER BY s.id LIMIT $2"
    ));
    let rows = sql(select).bind(after).bind(limit).all(db).await?;
    let page =
        rows.iter().map(|row| Ok((row.get("superseded_id")?, Sealed(row.get("superseded")?), read(row))));
    page.collect()
}
