//! The SQL of `resource_servers`.

use std::sync::Arc;

use super::row::{Protects, ResourceServer, ResourceServers};
use crate::clock::Timestamp;
use crate::db::{self, Constants, Db, DbConnection, Row, moment, sql};
use crate::secret::TokenHash;

/// A resource server `rs`, as [`read`] reads it.
pub(super) const COLUMNS: &str = "rs.id AS resource_server_id, rs.environment_id AS resource_server_environment_id, \
    rs.origin AS resource_server_origin, rs.revoked_at AS resource_server_revoked_at";

/// Of [`COLUMNS`].
pub(super) fn read(row: &Row) -> Result<ResourceServer, db::Error> {
    let origin: Option<String> = row.get("resource_server_origin")?;
    Ok(ResourceServer {
        id: row.get("resource_server_id")?,
        protects: match origin {
            Some(origin) => Protects::Origin(origin),
            None => Protects::Environment(row.get("resource_server_environment_id")?),
        },
        is_revoked: moment(row, "resource_server_revoked_at")?.is_some(),
    })
}

pub async fn all(db: &Db) -> Result<ResourceServers, db::Error> {
    let select = Constants(format!("SELECT rs.secret_hash, {COLUMNS} FROM resource_servers rs"));
    let mut all = ResourceServers::default();
    for row in sql(select).all(db).await? {
        all.0.insert(TokenHash::stored(row.get("secret_hash")?), Arc::new(read(&row)?));
    }
    Ok(all)
}

pub async fn by_secret(db: &Db, hash: &TokenHash) -> Result<Option<ResourceServer>, db::Error> {
    let select = Constants(format!("SELECT {COLUMNS} FROM resource_servers rs WHERE rs.secret_hash = $1"));
    let row = sql(select).bind(hash.as_str()).optional(db).await?;
    row.as_ref().map(read).transpose()
}

/// False when `limit` are live already for the same.
pub async fn insert(
    transaction: &mut DbConnection,
    new: &ResourceServer,
    hash: &TokenHash,
    limit: i64,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let insert = "INSERT INTO resource_servers (id, environment_id, origin, secret_hash, created_at) \
        SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT) \
        WHERE (SELECT COUNT(*) FROM resource_servers \
            WHERE (environment_id = $2 OR origin = $3) AND revoked_at IS NULL) < $6";
    let done = sql(insert)
        .bind(&new.id)
        .bind(new.protects.environment_id())
        .bind(new.protects.origin())
        .bind(hash.as_str())
        .bind(now.unix())
        .bind(limit)
        .execute(transaction)
        .await?;
    Ok(done == 1)
}

/// False when there is no such live one.
pub async fn revoke(transaction: &mut DbConnection, id: &str, now: Timestamp) -> Result<bool, db::Error> {
    let update = "UPDATE resource_servers SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    Ok(sql(update).bind(id).bind(now.unix()).execute(transaction).await? == 1)
}

pub async fn tell_last_use(db: &Db, id: &str, at: Timestamp) -> Result<(), db::Error> {
    let update = "UPDATE resource_servers SET last_used_at = $2 \
        WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
    sql(update).bind(id).bind(at.unix()).execute(db).await.map(drop)
}

/// One as the operator lists it.
#[derive(Debug)]
pub struct Listed {
    pub id: String,
    /// What it protects: an environment's key, or `-`.
    pub environment_key: String,
    /// `project/environment`, or an origin.
    pub audience: String,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

pub async fn list(db: &Db) -> Result<Vec<Listed>, db::Error> {
    let select = "SELECT rs.id, COALESCE(e.key, '-') AS key, COALESCE(rs.origin, e.project || '/' || e.environment) AS audience, \
            rs.created_at, rs.last_used_at, rs.revoked_at \
        FROM resource_servers rs LEFT JOIN environments e ON e.id = rs.environment_id \
        ORDER BY e.key, rs.origin, rs.created_at, rs.id";
    let read = |row: &Row| {
        Ok(Listed {
            id: row.get("id")?,
            environment_key: row.get("key")?,
            audience: row.get("audience")?,
            created_at: Timestamp::from_unix(row.get("created_at")?),
            last_used_at: moment(row, "last_used_at")?,
            revoked_at: moment(row, "revoked_at")?,
        })
    };
    sql(select).all(db).await?.iter().map(read).collect()
}
