//! The SQL of `vault_keys` and `vault_masters`: the key check, the key of pseudonyms, the data keys of apps and
//! connections, and which master key they are under. That of the house's keys is in [`super::house`].

use super::damage::Verified;
use super::error::VaultError;
use super::house::{self, HouseKey};
use super::master_keys::{Vault, WrappedKey};
use crate::clock::{Clock, Timestamp};
use crate::db::{self, Db, DbConnection, Row, named, sql};
use crate::error::Error;

/// Whose secrets a data key seals.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// Proves at boot that the master key is the right one; seals nothing else.
    Check,
    /// Sessions, attempts and signing keys.
    House,
    /// Makes pseudonyms; seals nothing.
    Pseudonym,
    App,
    Connection,
}

impl Purpose {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::House => "house",
            Self::Pseudonym => "pseudonym",
            Self::App => "app",
            Self::Connection => "connection",
        }
    }
}

/// Proves that the master key is the one of this database; on a new database makes the check and the first house key.
///
/// # Errors
/// [`VaultError::WrongMasterKey`]; [`VaultError::Rotated`] for one that the vault was rotated away from;
/// [`VaultError::StillNeeded`] when another one is needed beside it; [`VaultError::KeysMissing`] when there are secrets
/// without any key.
pub async fn unlock(db: &Db, vault: &Vault, clock: &Clock) -> Result<HouseKey, Error> {
    let now = clock.now();
    if let Some(check) = by_purpose(db, Purpose::Check).await? {
        prove(db, vault, &check).await?;
    } else {
        refuse_a_lost_key_table(db).await?;
        // Together: a house key without its check, or the reverse, would never start again.
        let mut transaction = db.begin().await?;
        if insert_check(&mut transaction, vault, now).await? {
            let (_, house) = vault.new_data_key()?;
            house::store::insert(&mut transaction, &house, now, now).await?;
            put_master(&mut transaction, vault.wraps_by(), Master::Current, now).await?;
        }
        transaction.commit().await?;
    }
    let check = by_purpose(db, Purpose::Check).await?.ok_or(VaultError::KeysMissing)?;
    prove(db, vault, &check).await?;
    vault.follow(&check.master_kid);
    refuse_to_leave_any_shut(db, vault).await?;
    house::open(db, vault, clock).await.map_err(|fault| match fault {
        Error::Vault(VaultError::UnknownMasterKey) => VaultError::WrongMasterKey.into(),
        other => other,
    })
}

/// The configured master key is, or is about to be, the one that the vault is under.
async fn prove(db: &Db, vault: &Vault, check: &WrappedKey) -> Result<(), Error> {
    let past = matches!(master(db, vault.master_kid()).await?, Some(Master::Retired));
    if past && vault.master_kid() != check.master_kid {
        let (from, to) = (vault.master_kid().to_owned(), check.master_kid.clone());
        return Err(VaultError::Rotated { from, to }.into());
    }
    match vault.unwrap(check) {
        Ok(_) => Ok(()),
        Err(VaultError::UnknownMasterKey) => Err(match master(db, vault.master_kid()).await? {
            Some(_) => {
                VaultError::Rotated { from: vault.master_kid().to_owned(), to: check.master_kid.clone() }
            }
            None => VaultError::WrongMasterKey,
        }
        .into()),
        Err(_) => Err(VaultError::WrongMasterKey.into()),
    }
}

/// A master key that is still being rotated away from is needed. Others that rows may name were never ours, or wrap
/// only what cannot be opened any more; whoever names them has changed the rows, which harms those and no others.
async fn refuse_to_leave_any_shut(db: &Db, vault: &Vault) -> Result<(), Error> {
    for wrapping in wrappings(db).await? {
        if vault.known(&wrapping.master_kid).is_ok() {
            continue;
        }
        match wrapping.master {
            Some(Master::Current | Master::Previous) => {
                return Err(VaultError::StillNeeded(wrapping.master_kid).into());
            }
            Some(Master::Retired) | None => {
                let master_kid = wrapping.master_kid;
                tracing::error!(master_kid, "data keys name a master key that the vault is not under");
            }
        }
    }
    Ok(())
}

/// What a master key is to this vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Master {
    Current,
    /// Being rotated away from.
    Previous,
    Retired,
}

/// A master key by which data keys are wrapped.
#[derive(Clone, Debug)]
pub struct Wrapping {
    pub master_kid: String,
    /// None when it was never this vault's.
    pub master: Option<Master>,
}

/// The master keys that data keys name: a probe of the index for each, however many data keys there are.
///
/// # Errors
/// When the database does not answer.
pub async fn wrappings(db: &Db) -> Result<Vec<Wrapping>, db::Error> {
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let next = sql("SELECT MIN(master_kid) AS next FROM vault_keys WHERE master_kid > $1");
        let row = next.bind(&after).one(db).await?;
        let Some(kid) = row.get::<Option<String>>("next")? else { return Ok(found) };
        found.push(Wrapping { master: master(db, &kid).await?, master_kid: kid.clone() });
        after = kid;
    }
}

/// The master keys of this vault by which data keys are wrapped though this process was not given them.
///
/// # Errors
/// When the database does not answer.
pub async fn foreign(db: &Db, vault: &Vault) -> Result<Vec<String>, db::Error> {
    let needed = |wrapping: &Wrapping| matches!(wrapping.master, Some(Master::Current | Master::Previous));
    let unknown = |wrapping: &Wrapping| vault.known(&wrapping.master_kid).is_err();
    let all = wrappings(db).await?.into_iter();
    Ok(all.filter(needed).filter(unknown).map(|wrapping| wrapping.master_kid).collect())
}

/// The id of the master key that the vault is under.
///
/// # Errors
/// When the database does not answer.
pub async fn under(db: &Db) -> Result<Option<String>, db::Error> {
    Ok(by_purpose(db, Purpose::Check).await?.map(|check| check.master_kid))
}

pub(super) async fn master(db: &Db, kid: &str) -> Result<Option<Master>, db::Error> {
    let select = sql("SELECT status FROM vault_masters WHERE kid = $1").bind(kid);
    select.optional(db).await?.map(|row| named(&row, "status")).transpose()
}

/// The one that the vault is being rotated away from.
pub(super) async fn previous(db: &Db) -> Result<Option<String>, db::Error> {
    let select = sql("SELECT kid FROM vault_masters WHERE status = 'previous' ORDER BY since LIMIT 1");
    select.optional(db).await?.map(|row| row.get("kid")).transpose()
}

pub(super) async fn count(db: &Db, master_kid: &str) -> Result<i64, db::Error> {
    let select = sql("SELECT COUNT(*) AS counted FROM vault_keys WHERE master_kid = $1");
    select.bind(master_kid).one(db).await?.get("counted")
}

async fn put_master(
    connection: &mut DbConnection,
    kid: &str,
    status: Master,
    now: Timestamp,
) -> Result<(), db::Error> {
    let upsert = "INSERT INTO vault_masters (kid, status, since) VALUES ($1, $2, $3) \
        ON CONFLICT (kid) DO UPDATE SET status = excluded.status";
    let upsert = sql(upsert).bind(kid).bind(<&str>::from(status)).bind(now.unix());
    upsert.execute(connection).await.map(drop)
}

/// From now on the vault is under another master key: the check, wrapped by it, is the one statement that decides.
/// False when somebody else was quicker.
pub(super) async fn begin(db: &Db, vault: &Vault, now: Timestamp) -> Result<bool, Error> {
    let check = by_purpose(db, Purpose::Check).await?.ok_or(VaultError::KeysMissing)?;
    let rewrapped = vault.rewrap(&check)?;
    let mut transaction = db.begin().await?;
    if replace(&mut transaction, &check, &rewrapped).await? != 1 {
        return Ok(false);
    }
    put_master(&mut transaction, &check.master_kid, Master::Previous, now).await?;
    put_master(&mut transaction, &rewrapped.master_kid, Master::Current, now).await?;
    transaction.commit().await?;
    Ok(true)
}

/// One data key in another wrapping, unless it was changed or destroyed meanwhile.
pub(super) async fn replace(
    connection: &mut DbConnection,
    seen: &WrappedKey,
    rewrapped: &WrappedKey,
) -> Result<u64, db::Error> {
    let update = "UPDATE vault_keys SET master_kid = $1, wrapped = $2 WHERE kid = $3 AND master_kid = $4 AND wrapped = $5";
    let done = sql(update)
        .bind(&rewrapped.master_kid)
        .bind(&rewrapped.wrapped)
        .bind(&seen.kid)
        .bind(&seen.master_kid)
        .bind(&seen.wrapped)
        .execute(connection)
        .await?;
    Ok(done)
}

/// Data keys in the wrapping of one master key, those behind `after`.
pub(super) async fn wrapped_by(
    db: &Db,
    master_kid: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<WrappedKey>, db::Error> {
    let select = "SELECT kid, master_kid, wrapped FROM vault_keys WHERE master_kid = $1 AND kid > $2 \
        ORDER BY kid LIMIT $3";
    let rows = sql(select).bind(master_kid).bind(after).bind(limit).all(db).await?;
    rows.iter().map(wrapped).collect()
}

/// The rotation has come to its end.
pub(super) async fn retire(
    transaction: &mut DbConnection,
    kid: &str,
    now: Timestamp,
) -> Result<(), db::Error> {
    let update = "UPDATE vault_masters SET status = 'retired', retired_at = $2 \
        WHERE kid = $1 AND status = 'previous'";
    sql(update).bind(kid).bind(now.unix()).execute(transaction).await.map(drop)
}

/// A retired master key is the previous one again: something is wrapped by it after all.
pub(super) async fn reopen(db: &Db, kid: &str) -> Result<(), db::Error> {
    let update = "UPDATE vault_masters SET status = 'previous', retired_at = NULL WHERE kid = $1 AND status = 'retired'";
    sql(update).bind(kid).execute(db).await.map(drop)
}

/// Tries to open `limit` data keys behind `after`.
///
/// # Errors
/// When the database does not answer.
pub async fn verify(db: &Db, vault: &Vault, after: &str, limit: i64) -> Result<Verified, db::Error> {
    let select = "SELECT kid, master_kid, wrapped FROM vault_keys WHERE kid > $1 ORDER BY kid LIMIT $2";
    let rows = sql(select).bind(after).bind(limit).all(db).await?;
    let keys: Vec<WrappedKey> = rows.iter().map(wrapped).collect::<Result<_, _>>()?;
    let mut verified = Verified::of_page(keys.len(), limit, keys.last().map(|key| key.kid.clone()));
    for key in &keys {
        verified.value(("vault_keys", "wrapped", &key.kid), vault.unwrap(key).map(drop));
    }
    Ok(verified)
}

/// Adds a data key; to be called in the transaction that stores what it seals. Nothing is wrapped by a master key that
/// is out of use, also not by a server that has not heard of it yet.
///
/// # Errors
/// When the database refuses.
pub async fn insert(
    connection: &mut DbConnection,
    key: &WrappedKey,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(), db::Error> {
    let insert = "INSERT INTO vault_keys (kid, purpose, master_kid, wrapped, created_at) \
        SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT) \
        WHERE NOT EXISTS (SELECT m.kid FROM vault_masters m WHERE m.kid = $3 AND m.status = 'retired')";
    let done = sql(insert)
        .bind(&key.kid)
        .bind(purpose.as_str())
        .bind(&key.master_kid)
        .bind(&key.wrapped)
        .bind(now.unix())
        .execute(connection)
        .await?;
    if done == 1 {
        return Ok(());
    }
    Err(db::Error::refused(format!("the master key {} is out of use", key.master_kid)))
}

/// Destroys the data key of a connection, and so every secret it sealed, in the backups of tomorrow too.
///
/// # Errors
/// When the database refuses.
pub async fn destroy(connection: &mut DbConnection, kid: &str) -> Result<(), db::Error> {
    let delete = sql("DELETE FROM vault_keys WHERE kid = $1 AND purpose = 'connection'").bind(kid);
    delete.execute(connection).await.map(drop)
}

async fn by_purpose(db: &Db, purpose: Purpose) -> Result<Option<WrappedKey>, db::Error> {
    // The list of `vault_keys_few` letter by letter, or SQLite reads the keys of all connections.
    let select = "SELECT kid, master_kid, wrapped FROM vault_keys \
        WHERE purpose IN ('check', 'house') AND purpose = $1";
    let row = sql(select).bind(purpose.as_str()).optional(db).await?;
    row.as_ref().map(wrapped).transpose()
}

pub(super) async fn by_kid(db: &Db, kid: &str) -> Result<Option<WrappedKey>, db::Error> {
    let select = "SELECT kid, master_kid, wrapped FROM vault_keys WHERE kid = $1";
    let row = sql(select).bind(kid).optional(db).await?;
    row.as_ref().map(wrapped).transpose()
}

/// Two replicas that boot at once end with one check: the other's insert finds the unique index. False then.
async fn insert_check(connection: &mut DbConnection, vault: &Vault, now: Timestamp) -> Result<bool, Error> {
    let (_, key) = vault.new_data_key()?;
    let insert = "INSERT INTO vault_keys (kid, purpose, master_kid, wrapped, created_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    let done = sql(insert)
        .bind(&key.kid)
        .bind(Purpose::Check.as_str())
        .bind(&key.master_kid)
        .bind(&key.wrapped)
        .bind(now.unix())
        .execute(connection)
        .await?;
    Ok(done == 1)
}

async fn refuse_a_lost_key_table(db: &Db) -> Result<(), Error> {
    let sealed = sql("SELECT id FROM connections WHERE data_kid IS NOT NULL LIMIT 1").optional(db).await?;
    if sealed.is_some() { Err(VaultError::KeysMissing.into()) } else { Ok(()) }
}

pub(super) fn wrapped(row: &Row) -> Result<WrappedKey, db::Error> {
    Ok(WrappedKey { kid: row.get("kid")?, master_kid: row.get("master_kid")?, wrapped: row.get("wrapped")? })
}
