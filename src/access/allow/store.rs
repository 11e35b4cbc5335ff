//! The SQL of who may use a connection: one statement joins everything that decides it.

use crate::caller::Caller;
use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::connection::store::{COLUMNS, FROM, LIVE, read};
use crate::db::{self, Constants, Db, Row, sql};
use crate::secret::TokenHash;

/// Whether a freeze covers connection `c`.
pub const FROZEN: &str = "CASE WHEN EXISTS (SELECT 1 FROM freezes f \
    WHERE (f.issued_before IS NULL OR c.consented_at < f.issued_before) AND \
    ((f.scope = 'account' AND f.target = c.account_id) OR (f.scope = 'app' AND f.target = c.app_id) \
    OR (f.scope = 'issuer' AND f.target = (SELECT fa.issuer_id FROM apps fa WHERE fa.id = c.app_id)) \
    OR (f.scope = 'connection' AND f.target = c.id) OR f.pseudonym IN (c.pseudonym, c.account_pseudonym) \
    OR f.scope = 'all')) THEN 1 ELSE 0 END AS frozen";

/// Whether one covers what caller `ca` does with it.
const CALLER_FROZEN: &str = "CASE WHEN EXISTS (SELECT 1 FROM freezes f WHERE f.scope = 'caller' AND f.target = ca.id \
    AND (f.issued_before IS NULL OR c.consented_at < f.issued_before)) THEN 1 ELSE 0 END AS caller_frozen";

/// What a caller may use, joined with everything that decides it in one statement.
pub async fn for_caller(
    db: &Db,
    caller_id: &str,
    id: &str,
    now: Timestamp,
) -> Result<Option<(Connection, bool)>, db::Error> {
    let select = Constants(format!(
        "SELECT {COLUMNS}, {CALLER_FROZEN}, {FROZEN} {FROM} \
         JOIN apps a ON a.id = c.app_id AND a.status = 'approved' \
         JOIN caller_apps allowed ON allowed.app_id = a.id \
         JOIN callers ca ON ca.id = allowed.caller_id AND ca.status = 'active' \
         WHERE c.id = $1 AND ca.id = $2 AND {LIVE} AND (c.consent_expires_at IS NULL OR c.consent_expires_at > $3)"
    ));
    let row = sql(select).bind(id).bind(caller_id).bind(now.unix()).optional(db).await?;
    let Some(row) = row else { return Ok(None) };
    let frozen = flag(&row, "frozen")? || flag(&row, "caller_frozen")?;
    Ok(Some((read(&row)?, frozen)))
}

/// What is selected of a key, its caller and the connection that it may use.
#[must_use]
pub fn authorized() -> String {
    format!(
        "k.id AS key_id, ca.id AS caller_id, ca.name AS caller_name, {COLUMNS}, {CALLER_FROZEN}, {FROZEN}"
    )
}

/// Which connection's access token the hash `$2` is, at the moment `$3`.
pub const STANDS_FOR: &str = "c.status <> 'needs_reconnect' AND \
    ((c.access_token_hash = $2 AND (c.access_expires_at IS NULL OR c.access_expires_at > $3)) OR \
     (c.previous_access_token_hash = $2 AND c.previous_access_expires_at > $3))";

/// A key and its caller, and beside them the connection, `which` of those that it may use at the moment `$3`.
#[must_use]
pub fn from_key(which: &'static str) -> String {
    format!(
        "FROM api_keys k JOIN callers ca ON ca.id = k.caller_id AND ca.status = 'active' \
         LEFT JOIN connections c ON {which} AND {LIVE} \
             AND (c.consent_expires_at IS NULL OR c.consent_expires_at > $3) \
             AND EXISTS (SELECT 1 FROM caller_apps allowed JOIN apps ap ON ap.id = allowed.app_id \
                 WHERE allowed.caller_id = ca.id AND allowed.app_id = c.app_id AND ap.status = 'approved') \
         LEFT JOIN vault_keys v ON v.kid = c.data_kid"
    )
}

/// As [`for_caller`], by a key instead: who it belongs to, and what that caller may use. None when the key is not a
/// live one.
pub async fn by_key(
    db: &Db,
    key_hash: &TokenHash,
    id: &str,
    now: Timestamp,
) -> Result<Option<(Caller, Option<(Connection, bool)>)>, db::Error> {
    let from = from_key("c.id = $2");
    let select =
        Constants(format!("SELECT {} {from} WHERE k.key_hash = $1 AND k.revoked_at IS NULL", authorized()));
    let query = sql(select).bind(key_hash.as_str()).bind(id).bind(now.unix());
    let Some(row) = query.optional(db).await? else { return Ok(None) };
    Ok(Some((caller(&row)?, found(&row)?)))
}

/// The caller of [`authorized`].
///
/// # Errors
/// When the row holds none.
pub fn caller(row: &Row) -> Result<Caller, db::Error> {
    Ok(Caller { id: row.get("caller_id")?, name: row.get("caller_name")?, key_id: row.get("key_id")? })
}

/// The connection of [`authorized`], and whether a freeze covers its use; None when the caller may use none.
///
/// # Errors
/// When the row cannot be read.
pub fn found(row: &Row) -> Result<Option<(Connection, bool)>, db::Error> {
    if row.get::<Option<String>>("id")?.is_none() {
        return Ok(None);
    }
    let frozen = flag(row, "frozen")? || flag(row, "caller_frozen")?;
    Ok(Some((read(row)?, frozen)))
}

pub async fn is_frozen(db: &Db, id: &str) -> Result<bool, db::Error> {
    let select = Constants(format!("SELECT {FROZEN} FROM connections c WHERE c.id = $1"));
    let row = sql(select).bind(id).optional(db).await?;
    row.as_ref().map_or(Ok(true), |row| flag(row, "frozen"))
}

/// The callers that were handed the access token of a connection's generation.
pub struct Holders {
    pub all: i64,
    /// Those that have a live key.
    pub keyed: i64,
    /// Those of them that no freeze stops.
    pub free: i64,
}

/// The same statement on both databases: no memory holds who was handed what.
pub async fn holders(db: &Db, connection: &Connection, generation: i64) -> Result<Holders, db::Error> {
    let keyed = "EXISTS (SELECT 1 FROM callers ca JOIN api_keys k ON k.caller_id = ca.id AND k.revoked_at IS NULL \
        WHERE ca.id = h.caller_id AND ca.status = 'active')";
    let select = Constants(format!(
        "SELECT COUNT(*) AS holders, COUNT(CASE WHEN {keyed} THEN 1 ELSE NULL END) AS keyed, \
            COUNT(CASE WHEN {keyed} AND NOT EXISTS (SELECT 1 FROM freezes f WHERE f.scope = 'caller' \
                AND f.target = h.caller_id AND (f.issued_before IS NULL OR f.issued_before > $1)) \
                THEN 1 ELSE NULL END) AS free \
         FROM (SELECT DISTINCT l.caller_id FROM ledger l WHERE l.connection_id = $2 AND l.generation = $3 \
            AND l.action = 'hand_out' AND l.environment_id IS NULL) h"
    ));
    let row = sql(select)
        .bind(connection.consented_at.unix())
        .bind(&connection.id)
        .bind(generation)
        .one(db)
        .await?;
    Ok(Holders { all: row.get("holders")?, keyed: row.get("keyed")?, free: row.get("free")? })
}

/// One of the flags above: an integer literal is INT4 on PostgreSQL and 64 bits wide on SQLite.
///
/// # Errors
/// When the row holds none.
pub fn flag(row: &Row, column: &str) -> Result<bool, db::Error> {
    row.flag(column)
}

/// By the hash of an access token, current or previous, that has not run out; of an approved app.
pub async fn by_access_token(
    db: &Db,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<Connection>, db::Error> {
    let select = Constants(format!(
        "SELECT {COLUMNS} {FROM} JOIN apps a ON a.id = c.app_id AND a.status = 'approved' \
         WHERE {LIVE} AND c.status <> 'needs_reconnect' \
         AND (c.consent_expires_at IS NULL OR c.consent_expires_at > $1) AND \
         ((c.access_token_hash = $2 AND (c.access_expires_at IS NULL OR c.access_expires_at > $1)) OR \
          (c.previous_access_token_hash = $2 AND c.previous_access_expires_at > $1))"
    ));
    let rows = sql(select).bind(now.unix()).bind(hash.as_str()).all(db).await?;
    // Some issuers give one access token twice. On the connections of two accounts it stands for neither.
    match rows.as_slice() {
        [row] => read(row).map(Some),
        _ => Ok(None),
    }
}
