//! The SQL of `signing_keys`.

use crate::clock::Timestamp;
use crate::db::{self, Db, DbConnection, Row, sql};
use crate::vault::Sealed;

/// A signing key as it is stored.
pub struct StoredKey {
    pub kid: String,
    pub public_key: String,
    /// The house key that sealed it.
    pub data_kid: String,
    pub private_key: Sealed,
    pub signs_from: Timestamp,
}

/// All of them, the last to sign first.
pub async fn signing_keys(db: &Db) -> Result<Vec<StoredKey>, db::Error> {
    let select = "SELECT kid, public_key, data_kid, private_key, signs_from FROM signing_keys WHERE status = 'active' \
        ORDER BY signs_from DESC, created_at DESC, kid";
    let rows = sql(select).all(db).await?;
    let read = |row: &Row| {
        Ok(StoredKey {
            kid: row.get("kid")?,
            public_key: row.get("public_key")?,
            data_kid: row.get("data_kid")?,
            private_key: Sealed(row.get("private_key")?),
            signs_from: Timestamp::from_unix(row.get("signs_from")?),
        })
    };
    rows.iter().map(read).collect()
}

/// Adds the first signing key; another replica's is kept if it was there before.
pub async fn insert_first_signing_key(db: &Db, key: &StoredKey, now: Timestamp) -> Result<(), db::Error> {
    let insert = "INSERT INTO signing_keys (kid, algorithm, public_key, data_kid, private_key, status, created_at, signs_from) \
        SELECT CAST($1 AS TEXT), 'EdDSA', CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), 'active', \
            CAST($5 AS BIGINT), CAST($6 AS BIGINT) WHERE NOT EXISTS (SELECT 1 FROM signing_keys)";
    sql(insert)
        .bind(&key.kid)
        .bind(&key.public_key)
        .bind(&key.data_kid)
        .bind(&key.private_key.0)
        .bind(now.unix())
        .bind(key.signs_from.unix())
        .execute(db)
        .await
        .map(drop)
}

/// Adds one more. False when another is to follow already.
pub async fn insert_signing_key(
    transaction: &mut DbConnection,
    key: &StoredKey,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let insert = "INSERT INTO signing_keys (kid, algorithm, public_key, data_kid, private_key, status, created_at, signs_from) \
        SELECT CAST($1 AS TEXT), 'EdDSA', CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), 'active', \
            CAST($5 AS BIGINT), CAST($6 AS BIGINT) \
        WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE signs_from > $5)";
    let done = sql(insert)
        .bind(&key.kid)
        .bind(&key.public_key)
        .bind(&key.data_kid)
        .bind(&key.private_key.0)
        .bind(now.unix())
        .bind(key.signs_from.unix())
        .execute(transaction)
        .await?;
    Ok(done == 1)
}

/// The same private key, sealed by another house key.
pub async fn replace_private_key(db: &Db, key: &StoredKey) -> Result<(), db::Error> {
    let update = "UPDATE signing_keys SET private_key = $1, data_kid = $2 WHERE kid = $3";
    let update = sql(update).bind(&key.private_key.0).bind(&key.data_kid).bind(&key.kid);
    update.execute(db).await.map(drop)
}

pub async fn drop_signing_key(db: &Db, kid: &str) -> Result<(), db::Error> {
    sql("DELETE FROM signing_keys WHERE kid = $1").bind(kid).execute(db).await.map(drop)
}

/// Drops all of them, for one that takes their place in the same transaction.
pub async fn drop_signing_keys(transaction: &mut DbConnection) -> Result<(), db::Error> {
    sql("DELETE FROM signing_keys").execute(transaction).await.map(drop)
}
