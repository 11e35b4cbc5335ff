//! The SQL of looking at every connection, by id.

use super::Row;
use crate::connection::store::{COLUMNS, FROM, read};
use crate::db::{self, Constants, Db, sql};
use crate::vault::Sealed;

pub async fn page(db: &Db, after: &str, limit: i64) -> Result<Vec<Row>, db::Error> {
    // Only constants are joined.
    let select = Constants(format!(
        "SELECT {COLUMNS}, c.previous_refresh_token {FROM} WHERE c.id > $1 ORDER BY c.id LIMIT $2"
    ));
    let rows = sql(select).bind(after).bind(limit).all(db).await?;
    let page = rows.iter().map(|row| {
        Ok(Row {
            id: row.get("id")?,
            connection: read(row),
            previous: row.get::<Option<String>>("previous_refresh_token")?.map(Sealed),
        })
    });
    page.collect()
}
