//! The SQL of `sessions`: each by its id, where a person is signed in, when each was used last, and the end of some. Opens
//! nothing that is sealed.

use super::LIFETIME;
use crate::clock::Timestamp;
use crate::db::{self, Db, DbConnection, Row, sql};
use crate::secret::TokenHash;
use crate::vault::Sealed;

/// Seconds within which the time of a session's last use is not written again.
const GRAIN: i64 = 300;
/// More than a person looks through.
const MOST: i64 = 100;

/// One place where a person is signed in.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: TokenHash,
    pub signed_in_at: Timestamp,
    pub used_at: Timestamp,
    /// What its browser is called, if that is known.
    pub browser: Option<String>,
}

/// Which sessions of an account are to end.
#[derive(Clone, Debug)]
pub enum Ending {
    One(TokenHash),
    AllBut(TokenHash),
}

/// Where somebody is signed in, the last used first.
///
/// # Errors
/// When the database does not answer.
pub async fn of_account(db: &Db, account_id: &str, now: Timestamp) -> Result<Vec<Listed>, db::Error> {
    // Of a session that is older than these columns, its end tells when it began.
    let select = "SELECT id_hash, COALESCE(signed_in_at, expires_at - $3) AS signed_in_at, \
            COALESCE(used_at, signed_in_at, expires_at - $3) AS used_at, browser \
        FROM sessions WHERE account_id = $1 AND expires_at > $2 ORDER BY 3 DESC, id_hash LIMIT $4";
    let select = sql(select).bind(account_id).bind(now.unix()).bind(LIFETIME).bind(MOST);
    let rows = select.all(db).await?;
    let listed = |row: &Row| {
        Ok(Listed {
            id: TokenHash::stored(row.get("id_hash")?),
            signed_in_at: Timestamp::from_unix(row.get("signed_in_at")?),
            used_at: Timestamp::from_unix(row.get("used_at")?),
            browser: row.get("browser")?,
        })
    };
    rows.iter().map(listed).collect()
}

/// Ends some sessions of an account, and of no other; how many there were.
///
/// # Errors
/// When the database does not answer.
pub async fn end(
    transaction: &mut DbConnection,
    account_id: &str,
    ending: &Ending,
) -> Result<u64, db::Error> {
    let (delete, id) = match ending {
        Ending::One(id) => ("DELETE FROM sessions WHERE account_id = $1 AND id_hash = $2", id),
        Ending::AllBut(id) => ("DELETE FROM sessions WHERE account_id = $1 AND id_hash <> $2", id),
    };
    sql(delete).bind(account_id).bind(id.as_str()).execute(transaction).await
}

/// Notes that somebody's session was used, now and then. A page is not worth less where that cannot be written.
pub(super) async fn touch(db: &Db, id: &TokenHash, used_at: Option<i64>, now: Timestamp) {
    if used_at.is_none_or(|used_at| now.unix() < used_at + GRAIN) {
        return;
    }
    let update = "UPDATE sessions SET used_at = $2 WHERE id_hash = $1";
    if let Err(error) = sql(update).bind(id.as_str()).bind(now.unix()).execute(db).await {
        tracing::debug!(%error, "the last use of a session could not be written");
    }
}

/// Whether a session is there, and this account's.
///
/// # Errors
/// When the database does not answer.
pub async fn is_of(db: &Db, id: &TokenHash, account_id: &str, now: Timestamp) -> Result<bool, db::Error> {
    let select = "SELECT expires_at FROM sessions WHERE id_hash = $1 AND account_id = $2";
    let found = sql(select).bind(id.as_str()).bind(account_id).optional(db).await?;
    let ends: Option<i64> = found.map(|row| row.get("expires_at")).transpose()?;
    Ok(ends.is_some_and(|ends| ends > now.unix()))
}

/// A session that is to be written.
pub(super) struct Stored {
    pub id: TokenHash,
    /// None before somebody signs in.
    pub account_id: Option<String>,
    pub data: Sealed,
    pub expires_at: Timestamp,
    /// What its browser is called, if that is known.
    pub browser: Option<String>,
}

/// A session that was read.
pub(super) struct Found {
    pub data: Sealed,
    pub expires_at: Timestamp,
    pub used_at: Option<i64>,
}

pub(super) async fn insert(db: &Db, stored: &Stored, now: Timestamp) -> Result<(), db::Error> {
    let insert = "INSERT INTO sessions (id_hash, account_id, data, expires_at, signed_in_at, used_at, browser) \
        VALUES ($1, $2, $3, $4, $5, $5, $6)";
    sql(insert)
        .bind(stored.id.as_str())
        .bind(stored.account_id.as_deref())
        .bind(&stored.data.0)
        .bind(stored.expires_at.unix())
        .bind(stored.account_id.as_ref().map(|_| now.unix()))
        .bind(stored.browser.as_deref())
        .execute(db)
        .await
        .map(drop)
}

/// Changes a session that is still there.
pub(super) async fn update(db: &Db, stored: &Stored) -> Result<(), db::Error> {
    let update = "UPDATE sessions SET account_id = $2, data = $3, expires_at = $4 WHERE id_hash = $1";
    sql(update)
        .bind(stored.id.as_str())
        .bind(stored.account_id.as_deref())
        .bind(&stored.data.0)
        .bind(stored.expires_at.unix())
        .execute(db)
        .await
        .map(drop)
}

/// By its id alone: its end would be another way to look for it, through all that there are.
pub(super) async fn load(db: &Db, id: &TokenHash, now: Timestamp) -> Result<Option<Found>, db::Error> {
    let select = "SELECT data, expires_at, used_at FROM sessions WHERE id_hash = $1";
    let row = sql(select).bind(id.as_str()).optional(db).await?;
    let read = |row: Row| {
        Ok::<_, db::Error>(Found {
            data: Sealed(row.get("data")?),
            expires_at: Timestamp::from_unix(row.get("expires_at")?),
            used_at: row.get("used_at")?,
        })
    };
    let found = row.map(read).transpose()?;
    Ok(found.filter(|found| found.expires_at > now))
}

pub(super) async fn delete(db: &Db, id: &TokenHash) -> Result<(), db::Error> {
    sql("DELETE FROM sessions WHERE id_hash = $1").bind(id.as_str()).execute(db).await.map(drop)
}

/// Ends every session of an account.
///
/// # Errors
/// When the database does not answer.
pub async fn end_all(db: &Db, account_id: &str) -> Result<u64, db::Error> {
    sql(OF_ACCOUNT).bind(account_id).execute(db).await
}

/// The same, as part of something greater.
///
/// # Errors
/// When the database does not answer.
pub async fn end_all_with(transaction: &mut DbConnection, account_id: &str) -> Result<(), db::Error> {
    sql(OF_ACCOUNT).bind(account_id).execute(transaction).await.map(drop)
}

const OF_ACCOUNT: &str = "DELETE FROM sessions WHERE account_id = $1";

/// Deletes what has expired.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(db: &Db, now: Timestamp) -> Result<u64, db::Error> {
    let over = sql("SELECT id_hash FROM sessions WHERE expires_at <= $1").bind(now.unix());
    db.delete_each(over, "DELETE FROM sessions WHERE id_hash = $1 AND expires_at <= $2", now).await
}

/// The data of `limit` sessions behind `after`, by the hash of their id.
pub(super) async fn sealed(db: &Db, after: &str, limit: i64) -> Result<Vec<(TokenHash, Sealed)>, db::Error> {
    let select = "SELECT id_hash, data FROM sessions WHERE id_hash > $1 ORDER BY id_hash LIMIT $2";
    let rows = sql(select).bind(after).bind(limit).all(db).await?;
    let read = |row: &Row| Ok((TokenHash::stored(row.get("id_hash")?), Sealed(row.get("data")?)));
    rows.iter().map(read).collect()
}
