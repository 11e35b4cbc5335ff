//! The SQL of one person's sessions: where they are signed in, when each was used last, and the end of some. Opens nothing
//! that is sealed.

use super::LIFETIME;
use crate::clock::Timestamp;
use crate::db::{self, Db, DbConnection, Row, sql};
use crate::secret::TokenHash;

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
