//! The SQL of `signing_keys`.

use crate::clock::Timestamp;
use crate::content::algorithm::Algorithm;
use crate::db::{self, Db, DbConnection, Row, named, sql};
use crate::vault::Sealed;

/// A signing key as it is stored.
pub struct StoredKey {
    pub kid: String,
    pub algorithm: Algorithm,
    pub public_key: String,
    /// The house key that sealed it.
    pub data_kid: String,
    pub private_key: Sealed,
    pub signs_from: Timestamp,
    pub created_at: Timestamp,
}

impl StoredKey {
    /// When it began to sign, or will: the first of a database does so at once, whatever the clock says.
    pub fn begins(&self) -> Timestamp {
        self.signs_from.max(self.created_at)
    }
}

/// All of them, the last to sign first.
pub async fn signing_keys(db: &Db) -> Result<Vec<StoredKey>, db::Error> {
    let select = "SELECT kid, algorithm, public_key, data_kid, private_key, signs_from, created_at FROM signing_keys \
        WHERE status = 'active' ORDER BY signs_from DESC, created_at DESC, kid";
    let rows = sql(select).all(db).await?;
    let read = |row: &Row| {
        Ok(StoredKey {
            kid: row.get("kid")?,
            algorithm: named(row, "algorithm")?,
            public_key: row.get("public_key")?,
            data_kid: row.get("data_kid")?,
            private_key: Sealed(row.get("private_key")?),
            signs_from: Timestamp::from_unix(row.get("signs_from")?),
            created_at: Timestamp::from_unix(row.get("created_at")?),
        })
    };
    rows.iter().map(read).collect()
}

/// Adds one that follows another, or is the first of its line. False when that was followed already: nothing is followed
/// twice, whoever is at it at the same moment.
pub async fn insert(
    transaction: &mut DbConnection,
    key: &StoredKey,
    follows: &str,
) -> Result<bool, db::Error> {
    let insert = "INSERT INTO signing_keys (kid, algorithm, public_key, data_kid, private_key, status, created_at, \
            signs_from, follows) \
        VALUES ($1, $2, $3, $4, $5, 'active', $6, $7, $8) ON CONFLICT (follows) DO NOTHING";
    let done = sql(insert)
        .bind(&key.kid)
        .bind(<&str>::from(key.algorithm))
        .bind(&key.public_key)
        .bind(&key.data_kid)
        .bind(&key.private_key.0)
        .bind(key.created_at.unix())
        .bind(key.signs_from.unix())
        .bind(follows)
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

/// Drops a whole line, for one key that takes its place in the same transaction.
pub async fn drop_line(transaction: &mut DbConnection, algorithm: Algorithm) -> Result<(), db::Error> {
    let delete = sql("DELETE FROM signing_keys WHERE algorithm = $1").bind(<&str>::from(algorithm));
    delete.execute(transaction).await.map(drop)
}
