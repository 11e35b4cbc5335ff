//! The SQL of `environments` and `content_tokens`.

use std::fmt;

use url::Url;

use super::environment::{Environment, Signing};
use super::kept_token::KeptToken;
use crate::clock::Timestamp;
use crate::connection::LIVE;
use crate::db::{self, Constants, Db, DbConnection, Row, json, named, sql};
use crate::vault::{Sealed, WrappedKey};

const COLUMNS: &str = "id, key, project, environment, content_api_url, management_api_url, strategy, apps, accounts, \
    lifetime_seconds, settings, public_defaults, algorithm, algorithm_before, template";

fn select(condition: &str) -> Constants {
    // Only constants of this file are joined here.
    Constants(format!("SELECT {COLUMNS} FROM environments WHERE status = 'active' {condition}"))
}

pub async fn all(db: &Db) -> Result<Vec<Environment>, db::Error> {
    let rows = sql(select("ORDER BY project, environment")).all(db).await?;
    rows.iter().map(read).collect()
}

pub async fn by_name(db: &Db, project: &str, environment: &str) -> Result<Option<Environment>, db::Error> {
    let select = select("AND project = $1 AND environment = $2");
    let row = sql(select).bind(project).bind(environment).optional(db).await?;
    row.as_ref().map(read).transpose()
}

pub async fn by_content_api_url(db: &Db, url: &str) -> Result<Option<Environment>, db::Error> {
    let row = sql(select("AND content_api_url = $1")).bind(url).optional(db).await?;
    row.as_ref().map(read).transpose()
}

/// Writes an environment, which is one (project, environment) whatever its key in the file. Tokens that were made
/// for another address of it are dropped.
pub async fn put(
    transaction: &mut DbConnection,
    environment: &Environment,
    now: Timestamp,
) -> Result<(), db::Error> {
    let strategy = <&str>::from(environment.strategy);
    let settings = serde_json::to_string(&environment.settings).unwrap_or_default();
    // Asked first: no index leads from an environment to its tokens, and one moves hardly ever.
    let moved = "SELECT id FROM environments WHERE project = $1 AND environment = $2 \
        AND (content_api_url <> $3 OR strategy <> $4)";
    let moved = sql(moved)
        .bind(&environment.project)
        .bind(&environment.environment)
        .bind(environment.content_api_url.as_str())
        .bind(strategy)
        .optional(&mut *transaction)
        .await?;
    if let Some(moved) = moved {
        drop_tokens(transaction, moved.get("id")?).await?;
    }
    let upsert = "INSERT INTO environments (id, key, project, environment, content_api_url, management_api_url, \
            strategy, apps, accounts, lifetime_seconds, settings, status, source, created_at, updated_at, algorithm, template) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $12, 'active', 'config', $11, $11, $13, $14) \
        ON CONFLICT (project, environment) DO UPDATE SET key = excluded.key, \
            content_api_url = excluded.content_api_url, management_api_url = excluded.management_api_url, \
            strategy = excluded.strategy, apps = excluded.apps, accounts = excluded.accounts, \
            lifetime_seconds = excluded.lifetime_seconds, settings = excluded.settings, template = excluded.template, status = 'active', updated_at = excluded.updated_at, \
            algorithm_before = CASE WHEN environments.algorithm <> excluded.algorithm THEN environments.algorithm \
                ELSE environments.algorithm_before END, \
            algorithm = excluded.algorithm";
    sql(upsert)
        .bind(&environment.id)
        .bind(&environment.key)
        .bind(&environment.project)
        .bind(&environment.environment)
        .bind(environment.content_api_url.as_str())
        .bind(environment.management_api_url.as_ref().map(Url::to_string))
        .bind(strategy)
        .bind(environment.apps.as_ref().and_then(|rule| serde_json::to_string(rule).ok()))
        .bind(environment.accounts.as_ref().and_then(|rule| serde_json::to_string(rule).ok()))
        .bind(environment.lifetime)
        .bind(now.unix())
        .bind(settings)
        .bind(<&str>::from(environment.signing.algorithm))
        .bind(environment.template.as_deref())
        .execute(&mut *transaction)
        .await
        .map(drop)
}

/// Suspends the environments that are not among these (project, environment) pairs, and drops what was cached
/// for them.
pub async fn suspend_all_but(
    transaction: &mut DbConnection,
    kept: &[(&str, &str)],
    now: Timestamp,
) -> Result<(), db::Error> {
    let active = "SELECT id, project, environment FROM environments WHERE status = 'active'";
    for row in sql(active).all(&mut *transaction).await? {
        let (project, environment): (String, String) = (row.get("project")?, row.get("environment")?);
        if kept.contains(&(&project, &environment)) {
            continue;
        }
        let id: String = row.get("id")?;
        sql("UPDATE environments SET status = 'suspended', updated_at = $2 WHERE id = $1")
            .bind(&id)
            .bind(now.unix())
            .execute(&mut *transaction)
            .await?;
        drop_tokens(transaction, &id).await?;
    }
    Ok(())
}

pub async fn set_public_defaults(
    transaction: &mut DbConnection,
    id: &str,
    open: bool,
    now: Timestamp,
) -> Result<(), db::Error> {
    let update = sql("UPDATE environments SET public_defaults = $2, updated_at = $3 WHERE id = $1");
    update.bind(id).bind(i64::from(open)).bind(now.unix()).execute(transaction).await.map(drop)
}

async fn drop_tokens(transaction: &mut DbConnection, environment_id: &str) -> Result<(), db::Error> {
    let select = "SELECT id FROM content_tokens WHERE environment_id = $1";
    let rows = sql(select).bind(environment_id).all(&mut *transaction).await?;
    let mut ids: Vec<String> = rows.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?;
    ids.sort();
    for id in ids {
        let delete = sql("DELETE FROM content_tokens WHERE id = $1").bind(id);
        delete.execute(&mut *transaction).await?;
    }
    Ok(())
}

/// The columns of an environment `e` beside other tables' of the same name; see [`aliased`].
pub const ALIASED_COLUMNS: &str = "e.id AS environment_id, e.key AS environment_key, e.project, e.environment, \
    e.content_api_url, e.management_api_url, e.strategy, e.apps AS environment_apps, \
    e.accounts AS environment_accounts, e.lifetime_seconds, e.settings, e.public_defaults, e.algorithm, e.algorithm_before, e.template";

/// The environment of a row of [`ALIASED_COLUMNS`], if there is one.
pub fn aliased(row: &Row) -> Result<Option<Environment>, db::Error> {
    if row.get::<Option<String>>("environment_id")?.is_none() {
        return Ok(None);
    }
    read_as(row, ["environment_id", "environment_key", "environment_apps", "environment_accounts"]).map(Some)
}

fn read(row: &Row) -> Result<Environment, db::Error> {
    read_as(row, ["id", "key", "apps", "accounts"])
}

fn read_as(row: &Row, [id, key, apps, accounts]: [&str; 4]) -> Result<Environment, db::Error> {
    let url =
        |column: &str, text: String| Url::parse(&text).map_err(|_| db::undecodable(column, "is no URL"));
    let management: Option<String> = row.get("management_api_url")?;
    Ok(Environment {
        id: row.get(id)?,
        key: row.get(key)?,
        project: row.get("project")?,
        environment: row.get("environment")?,
        content_api_url: url("content_api_url", row.get("content_api_url")?)?,
        management_api_url: management.map(|text| url("management_api_url", text)).transpose()?,
        strategy: named(row, "strategy")?,
        apps: rule(row, apps)?,
        accounts: rule(row, accounts)?,
        lifetime: row.get("lifetime_seconds")?,
        // What can't be read is no narrower bound: it is refused.
        settings: json(row, "settings")?,
        public_defaults: row.flag("public_defaults")?,
        signing: Signing {
            algorithm: named(row, "algorithm")?,
            before: row.get::<Option<String>>("algorithm_before")?.and_then(|name| name.parse().ok()),
        },
        template: row.get("template")?,
    })
}

/// A rule that cannot be read is no rule, and no rule means nobody.
fn rule<T: serde::de::DeserializeOwned>(row: &Row, column: &str) -> Result<Option<T>, db::Error> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// For whom and for what a content token was made.
#[derive(Clone, Debug)]
pub struct Key<'a> {
    pub connection_id: &'a str,
    pub environment_id: &'a str,
    /// A caller's id, or `bearer` when the access token itself asked.
    pub caller_id: &'a str,
    /// What was asked for; see [`super::Requested::key`].
    pub asked: &'a str,
    pub generation: i64,
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connection_id, environment_id, caller_id, asked, generation } = self;
        write!(formatter, "{connection_id}/{generation}/{environment_id}/{caller_id}/{asked}")
    }
}

/// By its key alone: its end would be another way to look for it, through all that there are.
pub async fn kept(db: &Db, key: &Key<'_>) -> Result<Option<KeptToken>, db::Error> {
    let select = "SELECT id, token, permissions, expires_at FROM content_tokens WHERE connection_id = $1 AND environment_id = $2 \
        AND caller_id = $3 AND scope = $4 AND generation = $5";
    let row = sql(select)
        .bind(key.connection_id)
        .bind(key.environment_id)
        .bind(key.caller_id)
        .bind(key.asked)
        .bind(key.generation)
        .optional(db)
        .await?;
    row.map(|row| {
        Ok(KeptToken {
            id: row.get("id")?,
            token: Sealed(row.get("token")?),
            permissions: row.get("permissions")?,
            expires_at: Timestamp::from_unix(row.get("expires_at")?),
        })
    })
    .transpose()
}

/// Keeps a content token, only while the connection is live and of the generation that it was made for: a
/// revoke or a refresh in between is not undone. False then.
pub async fn keep(db: &Db, key: &Key<'_>, kept: &KeptToken, now: Timestamp) -> Result<bool, db::Error> {
    let upsert = Constants(format!(
        "INSERT INTO content_tokens (id, connection_id, environment_id, caller_id, generation, scope, token, \
            issued_at, expires_at, permissions) \
        SELECT CAST($1 AS TEXT), c.id, CAST($2 AS TEXT), CAST($3 AS TEXT), c.generation, CAST($4 AS TEXT), \
            CAST($5 AS TEXT), CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($10 AS TEXT) \
        FROM connections c WHERE c.id = $8 AND c.generation = $9 AND {LIVE} \
        ON CONFLICT (connection_id, environment_id, caller_id, scope) DO UPDATE SET id = excluded.id, \
            generation = excluded.generation, token = excluded.token, issued_at = excluded.issued_at, \
            expires_at = excluded.expires_at, permissions = excluded.permissions"
    ));
    let done = sql(upsert)
        .bind(&kept.id)
        .bind(key.environment_id)
        .bind(key.caller_id)
        .bind(key.asked)
        .bind(&kept.token.0)
        .bind(now.unix())
        .bind(kept.expires_at.unix())
        .bind(key.connection_id)
        .bind(key.generation)
        .bind(&kept.permissions)
        .execute(db)
        .await?;
    Ok(done == 1)
}

/// A content token as it is stored, and what it is bound to.
pub struct Stored {
    pub id: String,
    pub connection_id: String,
    pub account_id: String,
    pub app_id: String,
    pub generation: i64,
    pub token: Sealed,
    /// None when the connection's secrets were destroyed.
    pub data_key: Option<WrappedKey>,
}

/// `limit` content tokens behind `after`, by id.
pub async fn tokens(db: &Db, after: &str, limit: i64) -> Result<Vec<Stored>, db::Error> {
    let select = "SELECT t.id, t.connection_id, t.generation, t.token, c.account_id, c.app_id, v.kid, v.master_kid, v.wrapped \
        FROM content_tokens t JOIN connections c ON c.id = t.connection_id \
        LEFT JOIN vault_keys v ON v.kid = c.data_kid WHERE t.id > $1 ORDER BY t.id LIMIT $2";
    let rows = sql(select).bind(after).bind(limit).all(db).await?;
    let read = |row: &Row| {
        let data_key = match row.get::<Option<String>>("kid")? {
            None => None,
            Some(kid) => {
                Some(WrappedKey { kid, master_kid: row.get("master_kid")?, wrapped: row.get("wrapped")? })
            }
        };
        Ok(Stored {
            id: row.get("id")?,
            connection_id: row.get("connection_id")?,
            account_id: row.get("account_id")?,
            app_id: row.get("app_id")?,
            generation: row.get("generation")?,
            token: Sealed(row.get("token")?),
            data_key,
        })
    };
    rows.iter().map(read).collect()
}

/// Drops every content token of a connection.
pub async fn forget(transaction: &mut DbConnection, connection_id: &str) -> Result<(), db::Error> {
    let delete = sql("DELETE FROM content_tokens WHERE connection_id = $1").bind(connection_id);
    delete.execute(transaction).await.map(drop)
}

/// Hands none of a connection's content tokens out again. They stay counted until they have run out: they are out.
pub async fn withdraw(transaction: &mut DbConnection, connection_id: &str) -> Result<(), db::Error> {
    let update = sql("UPDATE content_tokens SET generation = -1 WHERE connection_id = $1");
    update.bind(connection_id).execute(transaction).await.map(drop)
}

/// Hands one content token out no more; by which name memory knew it, if it was kept.
pub async fn withdraw_one(transaction: &mut DbConnection, id: &str) -> Result<Option<String>, db::Error> {
    let select = "SELECT connection_id, environment_id, caller_id, scope, generation FROM content_tokens WHERE id = $1";
    let Some(row) = sql(select).bind(id).optional(&mut *transaction).await? else { return Ok(None) };
    let texts =
        ["connection_id", "environment_id", "caller_id", "scope"].map(|column| row.get::<String>(column));
    let [connection_id, environment_id, caller_id, asked] = texts;
    let (connection_id, environment_id, caller_id, asked) =
        (connection_id?, environment_id?, caller_id?, asked?);
    let key = Key {
        connection_id: &connection_id,
        environment_id: &environment_id,
        caller_id: &caller_id,
        asked: &asked,
        generation: row.get("generation")?,
    };
    sql("UPDATE content_tokens SET generation = -1 WHERE id = $1").bind(id).execute(transaction).await?;
    Ok(Some(key.to_string()))
}

/// The same for whatever was minted.
pub async fn withdraw_minted(transaction: &mut DbConnection) -> Result<(), db::Error> {
    let update = "UPDATE content_tokens SET generation = -1 \
        WHERE environment_id IN (SELECT id FROM environments WHERE strategy = 'mint')";
    sql(update).execute(transaction).await.map(drop)
}

/// Drops what has run out.
pub async fn sweep(db: &Db, now: Timestamp) -> Result<(), db::Error> {
    let over = sql("SELECT id FROM content_tokens WHERE expires_at <= $1").bind(now.unix());
    db.delete_each(over, "DELETE FROM content_tokens WHERE id = $1 AND expires_at <= $2", now).await.map(drop)
}
