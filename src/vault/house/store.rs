//! The SQL of the house's keys, which are rows of `vault_keys`.

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::clock::Timestamp;
use crate::db::{Db, DbConnection};
use crate::vault::master_keys::WrappedKey;
use crate::vault::store::{Purpose, wrapped};

/// A key of the house as it is stored.
pub(in crate::vault) struct Stored {
    pub key: WrappedKey,
    pub seals_from: Timestamp,
    /// How often it may have sealed so far.
    pub uses: i64,
}

/// Those of the house, the last to seal first.
pub(in crate::vault) async fn all(db: &Db) -> Result<Vec<Stored>, sqlx::Error> {
    let select = "SELECT kid, master_kid, wrapped, seals_from, uses FROM vault_keys \
        WHERE purpose IN ('check', 'house') AND purpose = 'house' ORDER BY seals_from DESC, kid";
    let rows = sqlx::query(select).fetch_all(&db.pool).await?;
    let read = |row: &AnyRow| {
        Ok(Stored {
            key: wrapped(row)?,
            seals_from: Timestamp::from_unix(row.try_get("seals_from")?),
            uses: row.try_get("uses")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Adds a key of the house. False when another is to follow already, or the master key that wrapped it is out of use.
pub(in crate::vault) async fn insert(
    connection: &mut DbConnection,
    key: &WrappedKey,
    seals_from: Timestamp,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let insert = "INSERT INTO vault_keys (kid, purpose, master_kid, wrapped, created_at, seals_from) \
        SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT), CAST($6 AS BIGINT) \
        WHERE NOT EXISTS (SELECT v.kid FROM vault_keys v \
                WHERE v.purpose IN ('check', 'house') AND v.purpose = 'house' AND v.seals_from > $7) \
            AND NOT EXISTS (SELECT m.kid FROM vault_masters m WHERE m.kid = $8 AND m.status = 'retired')";
    let done = sqlx::query(insert)
        .bind(&key.kid)
        .bind(Purpose::House.as_str())
        .bind(&key.master_kid)
        .bind(&key.wrapped)
        .bind(now.unix())
        .bind(seals_from.unix())
        .bind(now.unix())
        .bind(&key.master_kid)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Counts uses of a key of the house.
pub(in crate::vault) async fn reserve(db: &Db, kid: &str, uses: i64) -> Result<(), sqlx::Error> {
    let update = sqlx::query("UPDATE vault_keys SET uses = uses + $1 WHERE kid = $2").bind(uses).bind(kid);
    db.execute(update).await.map(drop)
}

/// Destroys a key of the house, unless something is still sealed by it. False then.
pub(in crate::vault) async fn destroy(db: &Db, kid: &str) -> Result<bool, sqlx::Error> {
    let delete = "DELETE FROM vault_keys WHERE kid = $1 AND purpose = 'house' \
        AND NOT EXISTS (SELECT 1 FROM signing_keys WHERE data_kid = $2) \
        AND NOT EXISTS (SELECT 1 FROM sessions WHERE data LIKE $3) \
        AND NOT EXISTS (SELECT 1 FROM connect_attempts WHERE verifier LIKE $4 OR kept_tokens LIKE $5)";
    let sealed = format!("%.{kid}.%");
    let delete = sqlx::query(delete).bind(kid).bind(kid).bind(&sealed).bind(&sealed).bind(&sealed);
    Ok(db.execute(delete).await? == 1)
}
