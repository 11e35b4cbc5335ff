//! The SQL of `vault_keys`: the key check, the house key, and the data keys of apps and connections.

use sqlx::{AnyConnection, Row};

use super::{DataKey, Vault, VaultError, WrappedKey};
use crate::clock::Timestamp;
use crate::db::Db;
use crate::error::Error;

/// Whose secrets a data key seals.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// Proves at boot that the master key is the right one; seals nothing else.
    Check,
    /// Sessions, attempts and signing keys.
    House,
    App,
    Connection,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::House => "house",
            Self::App => "app",
            Self::Connection => "connection",
        }
    }
}

/// Proves that the master key is the one of this database; on a new database makes the check and the house key.
///
/// # Errors
/// [`VaultError::WrongMasterKey`], and [`VaultError::KeysMissing`] when there are secrets without any key.
pub async fn unlock(db: &Db, vault: &Vault, now: Timestamp) -> Result<DataKey, Error> {
    if let Some(check) = by_purpose(db, Purpose::Check).await? {
        vault.unwrap(&check)?;
    } else {
        refuse_a_lost_key_table(db).await?;
        // Together: a house key without its check, or the reverse, would never start again.
        let mut transaction = db.begin().await?;
        insert_once(&mut transaction, vault, Purpose::Check, now).await?;
        insert_once(&mut transaction, vault, Purpose::House, now).await?;
        transaction.commit().await?;
    }
    let check = by_purpose(db, Purpose::Check).await?.ok_or(VaultError::KeysMissing)?;
    vault.unwrap(&check)?;
    let house = by_purpose(db, Purpose::House).await?.ok_or(VaultError::KeysMissing)?;
    Ok(vault.unwrap(&house)?)
}

/// Adds a data key; to be called in the transaction that stores what it seals.
///
/// # Errors
/// When the database refuses.
pub async fn insert(
    connection: &mut AnyConnection,
    key: &WrappedKey,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO vault_keys (kid, purpose, master_kid, wrapped, created_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&key.kid)
    .bind(purpose.as_str())
    .bind(&key.master_kid)
    .bind(&key.wrapped)
    .bind(now.unix())
    .execute(connection)
    .await
    .map(drop)
}

/// Destroys the data key of a connection, and so every secret it sealed, in the backups of tomorrow too.
///
/// # Errors
/// When the database refuses.
pub async fn destroy(connection: &mut AnyConnection, kid: &str) -> Result<(), sqlx::Error> {
    let delete = sqlx::query("DELETE FROM vault_keys WHERE kid = $1 AND purpose = 'connection'").bind(kid);
    delete.execute(connection).await.map(drop)
}

async fn by_purpose(db: &Db, purpose: Purpose) -> Result<Option<WrappedKey>, sqlx::Error> {
    // The list of `vault_keys_single` letter by letter, or SQLite reads the keys of all connections.
    let select = "SELECT kid, master_kid, wrapped FROM vault_keys \
        WHERE purpose IN ('check', 'house') AND purpose = $1";
    let row = sqlx::query(select).bind(purpose.as_str()).fetch_optional(&db.pool).await?;
    row.as_ref().map(wrapped).transpose()
}

/// Two replicas that boot at once end with one key: the other's insert finds the unique index.
async fn insert_once(
    connection: &mut AnyConnection,
    vault: &Vault,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(), Error> {
    let (_, key) = vault.new_data_key()?;
    let insert = "INSERT INTO vault_keys (kid, purpose, master_kid, wrapped, created_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    sqlx::query(insert)
        .bind(&key.kid)
        .bind(purpose.as_str())
        .bind(&key.master_kid)
        .bind(&key.wrapped)
        .bind(now.unix())
        .execute(connection)
        .await?;
    Ok(())
}

async fn refuse_a_lost_key_table(db: &Db) -> Result<(), Error> {
    let sealed = sqlx::query("SELECT id FROM connections WHERE data_kid IS NOT NULL LIMIT 1")
        .fetch_optional(&db.pool)
        .await?;
    if sealed.is_some() { Err(VaultError::KeysMissing.into()) } else { Ok(()) }
}

fn wrapped(row: &sqlx::any::AnyRow) -> Result<WrappedKey, sqlx::Error> {
    Ok(WrappedKey {
        kid: row.try_get("kid")?,
        master_kid: row.try_get("master_kid")?,
        wrapped: row.try_get("wrapped")?,
    })
}
