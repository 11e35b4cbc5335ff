//! The SQL of the house's keys, which are rows of `vault_keys`.

use crate::clock::Timestamp;
use crate::db::{self, Db, DbConnection, Row, sql};
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
pub(in crate::vault) async fn all(db: &Db) -> Result<Vec<Stored>, db::Error> {
    let select = "SELECT kid, master_kid, wrapped, seals_from, uses FROM vault_keys \
        WHERE purpose IN ('check', 'house') AND purpose = 'house' ORDER BY seals_from DESC, kid";
    let rows = sql(select).all(db).await?;
    let read = |row: &Row| {
        Ok(Stored {
            key: wrapped(row)?,
            seals_from: Timestamp::from_unix(row.get("seals_from")?),
            uses: row.get("uses")?,
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
) -> Result<bool, db::Error> {
    let insert = "INSERT INTO vault_keys (kid, purpose, master_kid, wrapped, created_at, seals_from) \
        SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT), CAST($6 AS BIGINT) \
        WHERE NOT EXISTS (SELECT v.kid FROM vault_keys v \
                WHERE v.purpose IN ('check', 'house') AND v.purpose = 'house' AND v.seals_from > $5) \
            AND NOT EXISTS (SELECT m.kid FROM vault_masters m WHERE m.kid = $3 AND m.status = 'retired')";
    let done = sql(insert)
        .bind(&key.kid)
        .bind(Purpose::House.as_str())
        .bind(&key.master_kid)
        .bind(&key.wrapped)
        .bind(now.unix())
        .bind(seals_from.unix())
        .execute(connection)
        .await?;
    Ok(done == 1)
}

/// Counts uses of a key of the house.
pub(in crate::vault) async fn reserve(db: &Db, kid: &str, uses: i64) -> Result<(), db::Error> {
    let update = sql("UPDATE vault_keys SET uses = uses + $1 WHERE kid = $2").bind(uses).bind(kid);
    update.execute(db).await.map(drop)
}

/// Destroys a key of the house, unless something is still sealed by it. False then.
pub(in crate::vault) async fn destroy(db: &Db, kid: &str) -> Result<bool, db::Error> {
    let delete = "DELETE FROM vault_keys WHERE kid = $1 AND purpose = 'house' \
        AND NOT EXISTS (SELECT 1 FROM signing_keys WHERE data_kid = $1) \
        AND NOT EXISTS (SELECT 1 FROM sessions WHERE data LIKE $2) \
        AND NOT EXISTS (SELECT 1 FROM connect_attempts WHERE verifier LIKE $2 OR kept_tokens LIKE $2)";
    let sealed = format!("%.{kid}.%");
    let delete = sql(delete).bind(kid).bind(&sealed);
    Ok(delete.execute(db).await? == 1)
}
