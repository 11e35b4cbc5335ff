//! The SQL of `callers`, `caller_apps` and `api_keys`.

use std::sync::Arc;

use super::row::{Caller, Callers};
use crate::app::rules::Source;
use crate::clock::Timestamp;
use crate::db::{self, Db, DbConnection, Row, moment, sql};
use crate::secret::TokenHash;

pub async fn by_key(db: &Db, hash: &TokenHash) -> Result<Option<Caller>, db::Error> {
    let select = "SELECT c.id, c.name, k.id AS key_id FROM api_keys k JOIN callers c ON c.id = k.caller_id \
        WHERE k.key_hash = $1 AND k.revoked_at IS NULL AND c.status = 'active'";
    let row = sql(select).bind(hash.as_str()).optional(db).await?;
    row.as_ref().map(read).transpose()
}

pub async fn id_of(db: &Db, text: &str) -> Result<Option<String>, db::Error> {
    let select = "SELECT id FROM callers WHERE id = $1 OR name = $1 ORDER BY CASE WHEN id = $1 THEN 0 ELSE 1 END LIMIT 1";
    let row = sql(select).bind(text).optional(db).await?;
    row.map(|row| row.get("id")).transpose()
}

/// Every active caller with a live key.
pub async fn all(db: &Db) -> Result<Callers, db::Error> {
    let mut callers = Callers::default();
    let keys = "SELECT c.id, c.name, k.id AS key_id, k.key_hash FROM api_keys k JOIN callers c ON c.id = k.caller_id \
        WHERE k.revoked_at IS NULL AND c.status = 'active'";
    for row in sql(keys).all(db).await? {
        let caller = read(&row)?;
        callers.by_key.insert(TokenHash::stored(row.get("key_hash")?), Arc::new(caller));
    }
    let allowed = "SELECT allowed.caller_id, allowed.app_id FROM caller_apps allowed \
        JOIN callers c ON c.id = allowed.caller_id WHERE c.status = 'active'";
    for row in sql(allowed).all(db).await? {
        callers.apps.entry(row.get("caller_id")?).or_default().insert(row.get("app_id")?);
    }
    Ok(callers)
}

fn read(row: &Row) -> Result<Caller, db::Error> {
    Ok(Caller { id: row.get("id")?, name: row.get("name")?, key_id: row.get("key_id")? })
}

/// The id of the caller of that name, made when it is new.
pub async fn put_caller(
    transaction: &mut DbConnection,
    id: &str,
    name: &str,
    source: Source,
    now: Timestamp,
) -> Result<String, db::Error> {
    let upsert = "INSERT INTO callers (id, name, status, source, created_at) VALUES ($1, $2, 'active', $3, $4) \
        ON CONFLICT (name) DO UPDATE SET status = 'active' RETURNING id";
    sql(upsert)
        .bind(id)
        .bind(name)
        .bind(<&str>::from(source))
        .bind(now.unix())
        .one(transaction)
        .await?
        .get("id")
}

pub async fn allow_app(
    transaction: &mut DbConnection,
    caller_id: &str,
    app_id: &str,
) -> Result<(), db::Error> {
    sql("INSERT INTO caller_apps (caller_id, app_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(caller_id)
        .bind(app_id)
        .execute(transaction)
        .await
        .map(drop)
}

/// Whether a caller is allowed an app.
pub async fn is_allowed(db: &Db, caller_id: &str, app_id: &str) -> Result<bool, db::Error> {
    let select = "SELECT caller_id FROM caller_apps WHERE caller_id = $1 AND app_id = $2";
    let row = sql(select).bind(caller_id).bind(app_id).optional(db).await?;
    Ok(row.is_some())
}

/// False when `limit` keys are live already.
pub async fn insert_key(
    transaction: &mut DbConnection,
    id: &str,
    caller_id: &str,
    hash: &TokenHash,
    limit: i64,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let insert = "INSERT INTO api_keys (id, caller_id, key_hash, created_at) \
        SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT) \
        WHERE (SELECT COUNT(*) FROM api_keys WHERE caller_id = $2 AND revoked_at IS NULL) < $5";
    let done = sql(insert)
        .bind(id)
        .bind(caller_id)
        .bind(hash.as_str())
        .bind(now.unix())
        .bind(limit)
        .execute(transaction)
        .await?;
    Ok(done == 1)
}

/// The caller whose key it was; None when there is no such live key.
pub async fn revoke_key(
    transaction: &mut DbConnection,
    id: &str,
    now: Timestamp,
) -> Result<Option<String>, db::Error> {
    let update =
        "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING caller_id";
    let row = sql(update).bind(id).bind(now.unix()).optional(transaction).await?;
    row.map(|row| row.get("caller_id")).transpose()
}

/// One key as the operator lists it.
pub struct ListedKey {
    pub id: String,
    pub caller_id: String,
    pub caller: String,
    pub apps: String,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

pub async fn list_keys(db: &Db) -> Result<Vec<ListedKey>, db::Error> {
    let keys = "SELECT k.id, k.caller_id, c.name, k.created_at, k.revoked_at FROM api_keys k \
        JOIN callers c ON c.id = k.caller_id ORDER BY c.name, k.created_at";
    let mut listed = Vec::new();
    for row in sql(keys).all(db).await? {
        let caller_id: String = row.get("caller_id")?;
        let apps = "SELECT a.key FROM caller_apps ca JOIN apps a ON a.id = ca.app_id WHERE ca.caller_id = $1 ORDER BY a.key";
        let rows = sql(apps).bind(&caller_id).all(db).await?;
        let apps: Result<Vec<String>, _> = rows.iter().map(|row| row.get("key")).collect();
        listed.push(ListedKey {
            id: row.get("id")?,
            caller_id,
            caller: row.get("name")?,
            apps: apps?.join(","),
            created_at: Timestamp::from_unix(row.get("created_at")?),
            revoked_at: moment(&row, "revoked_at")?,
        });
    }
    Ok(listed)
}
