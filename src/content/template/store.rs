//! The SQL of `templates`.

use super::definition::Definition;
use crate::clock::Timestamp;
use crate::db::{self, Db, DbConnection, json, sql};

pub async fn by_name(db: &Db, name: &str) -> Result<Option<Definition>, db::Error> {
    let select = "SELECT definition FROM templates WHERE name = $1 AND status = 'active'";
    let row = sql(select).bind(name).optional(db).await?;
    row.map(|row| json(&row, "definition")).transpose()
}

/// All that are in use, by their names.
pub async fn all(db: &Db) -> Result<Vec<(String, Definition)>, db::Error> {
    let select = "SELECT name, definition FROM templates WHERE status = 'active' ORDER BY name";
    let rows = sql(select).all(db).await?;
    rows.iter().map(|row| Ok((row.get("name")?, json(row, "definition")?))).collect()
}

/// Writes a template. False when it was there just so.
pub async fn put(
    transaction: &mut DbConnection,
    name: &str,
    definition: &str,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let upsert = "INSERT INTO templates (name, definition, status, source, created_at, updated_at) \
        VALUES ($1, $2, 'active', 'config', $3, $3) \
        ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, status = 'active', \
            updated_at = excluded.updated_at \
        WHERE templates.definition <> excluded.definition OR templates.status <> 'active'";
    let upsert = sql(upsert).bind(name).bind(definition).bind(now.unix());
    Ok(upsert.execute(transaction).await? == 1)
}

/// Takes the templates out of use that are not among these.
pub async fn suspend_all_but(
    transaction: &mut DbConnection,
    kept: &[&str],
    now: Timestamp,
) -> Result<(), db::Error> {
    let active = "SELECT name FROM templates WHERE status = 'active'";
    for row in sql(active).all(&mut *transaction).await? {
        let name: String = row.get("name")?;
        if !kept.contains(&name.as_str()) {
            let update = sql("UPDATE templates SET status = 'suspended', updated_at = $2 WHERE name = $1");
            update.bind(name).bind(now.unix()).execute(&mut *transaction).await?;
        }
    }
    Ok(())
}
