//! The SQL of `callers`, `caller_apps`, `caller_permissions` and `api_keys`.

use std::sync::Arc;

use super::row::{Caller, Callers, Key, Permitted};
use crate::app::rules::Source;
use crate::clock::Timestamp;
use crate::content::permission::Permissions;
use crate::db::{self, Constants, Db, DbConnection, Row, json, moment, sql};
use crate::secret::TokenHash;

/// A key `k` and its caller `ca`, as [`read_key`] reads them.
pub(crate) const KEY_COLUMNS: &str = "k.id AS key_id, k.revoked_at AS key_revoked_at, ca.id AS caller_id, \
    ca.name AS caller_name, ca.status AS caller_status";

pub async fn key(db: &Db, hash: &TokenHash) -> Result<Option<Key>, db::Error> {
    let select = Constants(format!(
        "SELECT {KEY_COLUMNS} FROM api_keys k JOIN callers ca ON ca.id = k.caller_id WHERE k.key_hash = $1"
    ));
    let row = sql(select).bind(hash.as_str()).optional(db).await?;
    row.as_ref().map(read_key).transpose()
}

/// Of [`KEY_COLUMNS`].
pub(crate) fn read_key(row: &Row) -> Result<Key, db::Error> {
    let caller =
        Caller { id: row.get("caller_id")?, name: row.get("caller_name")?, key_id: row.get("key_id")? };
    Ok(Key {
        caller: Arc::new(caller),
        is_revoked: moment(row, "key_revoked_at")?.is_some(),
        caller_is_active: is_active(row)?,
    })
}

/// Whether the caller of a row is active.
pub(crate) fn is_active(row: &Row) -> Result<bool, db::Error> {
    Ok(row.get::<String>("caller_status")? == "active")
}

pub async fn id_of(db: &Db, text: &str) -> Result<Option<String>, db::Error> {
    let select = "SELECT id FROM callers WHERE id = $1 OR name = $1 ORDER BY CASE WHEN id = $1 THEN 0 ELSE 1 END LIMIT 1";
    let row = sql(select).bind(text).optional(db).await?;
    row.map(|row| row.get("id")).transpose()
}

/// Every caller and every key.
pub async fn all(db: &Db) -> Result<Callers, db::Error> {
    let mut callers = Callers::default();
    let keys = Constants(format!(
        "SELECT k.key_hash, {KEY_COLUMNS} FROM api_keys k JOIN callers ca ON ca.id = k.caller_id"
    ));
    for row in sql(keys).all(db).await? {
        let key = read_key(&row)?;
        if !key.is_revoked {
            callers.callers.entry(key.caller.id.clone()).or_default().has_a_key = true;
        }
        callers.keys.insert(TokenHash::stored(row.get("key_hash")?), Arc::new(key));
    }
    let statuses = "SELECT ca.id, ca.status AS caller_status FROM callers ca";
    for row in sql(statuses).all(db).await? {
        callers.callers.entry(row.get("id")?).or_default().is_active = is_active(&row)?;
    }
    let allowed = "SELECT caller_id, app_id FROM caller_apps";
    for row in sql(allowed).all(db).await? {
        let caller = callers.callers.entry(row.get("caller_id")?).or_default();
        caller.apps.insert(row.get("app_id")?);
    }
    let permitted = "SELECT caller_id, environment_id, permissions, updated_at FROM caller_permissions";
    for row in sql(permitted).all(db).await? {
        let caller = callers.callers.entry(row.get("caller_id")?).or_default();
        caller.permitted.insert(row.get("environment_id")?, read_permitted(&row)?);
    }
    Ok(callers)
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

/// Whether an active caller is allowed an app.
pub async fn is_allowed(db: &Db, caller_id: &str, app_id: &str) -> Result<bool, db::Error> {
    let select = "SELECT ca.id FROM callers ca JOIN caller_apps allowed ON allowed.caller_id = ca.id \
        WHERE ca.id = $1 AND allowed.app_id = $2 AND ca.status = 'active'";
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

/// Without its freezes, and without its caller.
fn read_permitted(row: &Row) -> Result<Permitted, db::Error> {
    let permissions = Arc::new(json(row, "permissions")?);
    let since = Timestamp::from_unix(row.get("updated_at")?);
    Ok(Permitted { permissions, since, is_frozen: false, is_usable: false })
}

/// What a caller may do by itself at an environment, whether a freeze covers it, and whether the caller is in use.
pub async fn permitted(
    db: &Db,
    caller_id: &str,
    environment_id: &str,
) -> Result<Option<Permitted>, db::Error> {
    let select = "SELECT p.permissions, p.updated_at, CASE WHEN EXISTS (SELECT 1 FROM freezes f \
            WHERE (f.scope = 'all' OR (f.scope = 'caller' AND f.target = p.caller_id)) \
                AND (f.issued_before IS NULL OR f.issued_before > p.updated_at)) THEN 1 ELSE 0 END AS is_frozen, \
            CASE WHEN EXISTS (SELECT 1 FROM callers ca JOIN api_keys k ON k.caller_id = ca.id AND k.revoked_at IS NULL \
                WHERE ca.id = p.caller_id AND ca.status = 'active') THEN 1 ELSE 0 END AS is_usable \
        FROM caller_permissions p WHERE p.caller_id = $1 AND p.environment_id = $2";
    let row = sql(select).bind(caller_id).bind(environment_id).optional(db).await?;
    let read = |row: Row| {
        let (is_frozen, is_usable) = (row.flag("is_frozen")?, row.flag("is_usable")?);
        Ok(Permitted { is_frozen, is_usable, ..read_permitted(&row)? })
    };
    row.map(read).transpose()
}

pub async fn put_permissions(
    transaction: &mut DbConnection,
    caller_id: &str,
    environment_id: &str,
    permissions: &Permissions,
    now: Timestamp,
) -> Result<(), db::Error> {
    let upsert = "INSERT INTO caller_permissions (caller_id, environment_id, permissions, updated_at) \
        VALUES ($1, $2, $3, $4) ON CONFLICT (caller_id, environment_id) DO UPDATE SET \
            permissions = excluded.permissions, updated_at = excluded.updated_at";
    sql(upsert)
        .bind(caller_id)
        .bind(environment_id)
        .bind(serde_json::to_string(permissions).unwrap_or_default())
        .bind(now.unix())
        .execute(transaction)
        .await
        .map(drop)
}

/// False when there were none.
pub async fn drop_permissions(
    transaction: &mut DbConnection,
    caller_id: &str,
    environment_id: &str,
) -> Result<bool, db::Error> {
    let delete = "DELETE FROM caller_permissions WHERE caller_id = $1 AND environment_id = $2";
    Ok(sql(delete).bind(caller_id).bind(environment_id).execute(transaction).await? == 1)
}

/// What one caller may do by itself at one environment, as the operator lists it.
#[derive(Debug)]
pub struct ListedPermitted {
    pub caller_id: String,
    pub caller: String,
    pub environment_key: String,
    pub permissions: Permissions,
    pub since: Timestamp,
}

pub async fn list_permitted(db: &Db) -> Result<Vec<ListedPermitted>, db::Error> {
    let select = "SELECT ca.id, ca.name, e.key, p.permissions, p.updated_at FROM caller_permissions p \
        JOIN callers ca ON ca.id = p.caller_id JOIN environments e ON e.id = p.environment_id ORDER BY ca.name, e.key";
    let read = |row: &Row| {
        Ok(ListedPermitted {
            caller_id: row.get("id")?,
            caller: row.get("name")?,
            environment_key: row.get("key")?,
            permissions: json(row, "permissions")?,
            since: Timestamp::from_unix(row.get("updated_at")?),
        })
    };
    sql(select).all(db).await?.iter().map(read).collect()
}
