//! The SQL of `superseded_tokens`.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::connection::store::{COLUMNS, FROM, read};
use crate::db::{Db, DbConnection};
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
) -> Result<bool, sqlx::Error> {
    let update =
        "UPDATE connections SET updated_at = $2 WHERE id = $1 AND status NOT IN ('revoking', 'revoked')";
    let done = sqlx::query(update).bind(connection_id).bind(now.unix()).execute(transaction).await?;
    Ok(done.rows_affected() == 1)
}

pub async fn insert(
    transaction: &mut DbConnection,
    connection_id: &str,
    row: &Row,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO superseded_tokens (id, connection_id, external_subject, refresh_token, created_at) \
        VALUES ($1, $2, $3, $4, $5)";
    sqlx::query(insert)
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
) -> Result<u64, sqlx::Error> {
    let delete = "DELETE FROM superseded_tokens WHERE connection_id = $1 AND id NOT IN \
        (SELECT id FROM superseded_tokens WHERE connection_id = $2 ORDER BY created_at DESC, id DESC LIMIT $3)";
    let delete = sqlx::query(delete).bind(connection_id).bind(connection_id).bind(most);
    Ok(delete.execute(transaction).await?.rows_affected())
}

/// Those of a connection, oldest first.
pub async fn of(db: &Db, connection_id: &str) -> Result<Vec<Row>, sqlx::Error> {
    let select = "SELECT id, external_subject, refresh_token FROM superseded_tokens WHERE connection_id = $1 \
        ORDER BY created_at, id";
    let rows = sqlx::query(select).bind(connection_id).fetch_all(&db.pool).await?;
    let read = |row: &AnyRow| {
        Ok(Row {
            id: row.try_get("id")?,
            subject: row.try_get("external_subject")?,
            sealed: Sealed(row.try_get("refresh_token")?),
        })
    };
    rows.iter().map(read).collect()
}

/// The issuer has confirmed it.
pub async fn forget(db: &Db, id: &str) -> Result<(), sqlx::Error> {
    db.execute(sqlx::query("DELETE FROM superseded_tokens WHERE id = $1").bind(id)).await.map(drop)
}

/// With the connection's secrets.
pub async fn forget_all(transaction: &mut DbConnection, connection_id: &str) -> Result<(), sqlx::Error> {
    let delete = sqlx::query("DELETE FROM superseded_tokens WHERE connection_id = $1").bind(connection_id);
    delete.execute(transaction).await.map(drop)
}

/// `limit` of them behind `after`, by id, each with its connection.
pub async fn page(
    db: &Db,
    after: &str,
    limit: i64,
) -> Result<Vec<(String, Sealed, Result<Connection, sqlx::Error>)>, sqlx::Error> {
    // Only constants are joined.
    let select = AssertSqlSafe(format!(
        "SELECT s.id AS superseded_id, s.refresh_token AS superseded, {COLUMNS} {FROM} \
         JOIN superseded_tokens s ON s.connection_id = c.id WHERE s.id > $1 ORDER BY s.id LIMIT $2"
    ));
    let rows = sqlx::query(select).bind(after).bind(limit).fetch_all(&db.pool).await?;
    let page = rows
        .iter()
        .map(|row| Ok((row.try_get("superseded_id")?, Sealed(row.try_get("superseded")?), read(row))));
    page.collect()
}
