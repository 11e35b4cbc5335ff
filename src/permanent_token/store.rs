//! The SQL of `permanent_tokens`.

use std::sync::Arc;

use super::row::{PermanentToken, PermanentTokens};
use crate::clock::Timestamp;
use crate::db::{self, Constants, Db, DbConnection, Row, json, moment, sql};
use crate::secret::TokenHash;

/// A permanent token `p` and its environment `e`, as [`read`] reads them.
const COLUMNS: &str = "p.id, p.name, p.environment_id, p.permissions, p.default_stage, p.created_at, p.expires_at, \
    p.revoked_at, CASE WHEN e.status = 'active' THEN 1 ELSE 0 END AS has_environment";
const FROM: &str = "FROM permanent_tokens p JOIN environments e ON e.id = p.environment_id";

fn read(row: &Row) -> Result<PermanentToken, db::Error> {
    Ok(PermanentToken {
        id: row.get("id")?,
        name: row.get("name")?,
        environment_id: row.get("environment_id")?,
        permissions: json(row, "permissions")?,
        default_stage: row.get("default_stage")?,
        made_at: Timestamp::from_unix(row.get("created_at")?),
        expires_at: moment(row, "expires_at")?,
        is_revoked: moment(row, "revoked_at")?.is_some(),
        has_environment: row.flag("has_environment")?,
    })
}

pub async fn all(db: &Db) -> Result<PermanentTokens, db::Error> {
    let select = Constants(format!("SELECT p.token_hash, {COLUMNS} {FROM}"));
    let mut all = PermanentTokens::default();
    for row in sql(select).all(db).await? {
        all.0.insert(TokenHash::stored(row.get("token_hash")?), Arc::new(read(&row)?));
    }
    Ok(all)
}

/// Unless a freeze of everything covers it.
pub async fn by_hash(db: &Db, hash: &TokenHash) -> Result<Option<PermanentToken>, db::Error> {
    let select = Constants(format!(
        "SELECT {COLUMNS} {FROM} WHERE p.token_hash = $1 AND NOT EXISTS (SELECT 1 FROM freezes f WHERE f.scope = 'all' \
            AND (f.issued_before IS NULL OR f.issued_before > p.created_at))"
    ));
    let row = sql(select).bind(hash.as_str()).optional(db).await?;
    row.as_ref().map(read).transpose()
}

/// False when `limit` are live already for the environment.
pub async fn insert(
    transaction: &mut DbConnection,
    new: &PermanentToken,
    hash: &TokenHash,
    limit: i64,
) -> Result<bool, db::Error> {
    let insert = "INSERT INTO permanent_tokens (id, name, environment_id, token_hash, permissions, default_stage, \
            created_at, expires_at) \
        SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT), \
            CAST($6 AS TEXT), CAST($7 AS BIGINT), CAST($8 AS BIGINT) \
        WHERE (SELECT COUNT(*) FROM permanent_tokens WHERE environment_id = $3 AND revoked_at IS NULL \
            AND (expires_at IS NULL OR expires_at > $7)) < $9";
    let done = sql(insert)
        .bind(&new.id)
        .bind(&new.name)
        .bind(&new.environment_id)
        .bind(hash.as_str())
        .bind(serde_json::to_string(&new.permissions).unwrap_or_default())
        .bind(new.default_stage.as_deref())
        .bind(new.made_at.unix())
        .bind(new.expires_at.map(Timestamp::unix))
        .bind(limit)
        .execute(transaction)
        .await?;
    Ok(done == 1)
}

/// False when there is no such live one.
pub async fn revoke(transaction: &mut DbConnection, id: &str, now: Timestamp) -> Result<bool, db::Error> {
    let update = "UPDATE permanent_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    Ok(sql(update).bind(id).bind(now.unix()).execute(transaction).await? == 1)
}

/// The id of the one that was revoked; None when there is no such live one.
pub async fn revoke_shown(
    transaction: &mut DbConnection,
    hash: &TokenHash,
    environment_id: &str,
    now: Timestamp,
) -> Result<Option<String>, db::Error> {
    let update = "UPDATE permanent_tokens SET revoked_at = $3 \
        WHERE token_hash = $1 AND environment_id = $2 AND revoked_at IS NULL RETURNING id";
    let update = sql(update).bind(hash.as_str()).bind(environment_id).bind(now.unix());
    update.optional(transaction).await?.map(|row| row.get("id")).transpose()
}

pub async fn tell_last_use(db: &Db, id: &str, at: Timestamp) -> Result<(), db::Error> {
    let update = "UPDATE permanent_tokens SET last_used_at = $2 \
        WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
    sql(update).bind(id).bind(at.unix()).execute(db).await.map(drop)
}

/// One as the operator lists it.
#[derive(Debug)]
pub struct Listed {
    pub token: PermanentToken,
    pub environment_key: String,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

pub async fn list(db: &Db) -> Result<Vec<Listed>, db::Error> {
    let select = Constants(format!(
        "SELECT {COLUMNS}, p.last_used_at, e.key AS environment_key {FROM} ORDER BY e.key, p.created_at, p.id"
    ));
    let read = |row: &Row| {
        Ok(Listed {
            token: read(row)?,
            environment_key: row.get("environment_key")?,
            last_used_at: moment(row, "last_used_at")?,
            revoked_at: moment(row, "revoked_at")?,
        })
    };
    sql(select).all(db).await?.iter().map(read).collect()
}
