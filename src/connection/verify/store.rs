//! The SQL of looking at every connection, by id.

use sqlx::AssertSqlSafe;
use sqlx::Row as _;

use super::Row;
use crate::connection::store::{COLUMNS, FROM, read};
use crate::db::Db;
use crate::vault::Sealed;

pub async fn page(db: &Db, after: &str, limit: i64) -> Result<Vec<Row>, sqlx::Error> {
    // Only constants are joined.
    let select = AssertSqlSafe(format!(
        "SELECT {COLUMNS}, c.previous_refresh_token {FROM} WHERE c.id > $1 ORDER BY c.id LIMIT $2"
    ));
    let rows = sqlx::query(select).bind(after).bind(limit).fetch_all(&db.pool).await?;
    let page = rows.iter().map(|row| {
        Ok(Row {
            id: row.try_get("id")?,
            connection: read(row),
            previous: row.try_get::<Option<String>, _>("previous_refresh_token")?.map(Sealed),
        })
    });
    page.collect()
}
