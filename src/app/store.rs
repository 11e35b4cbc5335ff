//! The SQL of `issuers` and `apps`.

use std::sync::Arc;

use url::Url;

use super::logo::Logo;
use super::row::App;
use super::rules::{AppStatus, Source};
use crate::clock::Timestamp;
use crate::db::{self, Constants, Db, DbConnection, Row, Sql, json, named, sql};
use crate::issuer::scope::Scopes;
use crate::issuer::{ClientAuth, ExplicitUrls, Issuer, SaidUrls, Whereabouts};
use crate::vault::{Sealed, WrappedKey};

const ISSUER_COLUMNS: &str = "i.id AS issuer_id, i.key AS issuer_key, i.name AS issuer_name, i.identifier, \
    i.authorization_url, i.token_url, i.userinfo_url, i.revocation_url, i.jwks_url, i.profile, i.scope_descriptions";

const APP_COLUMNS: &str = "a.id, a.key, a.name, a.description, \
    CASE WHEN a.logo IS NULL THEN 'no' ELSE 'yes' END AS has_logo, a.kind, a.home_page, a.status, \
    a.client_id, a.client_auth, a.client_secret, a.scopes, a.scope_rule, a.audience, a.authorization_url_extras, \
    a.pkce, a.identity_rule, a.identity_config, a.accepted_audiences, a.redirect_uris, a.permissions, a.direct, a.source, \
    v.kid, v.master_kid, v.wrapped";

fn select_apps(condition: &str) -> Constants {
    // Only constants of this file are joined here.
    Constants(format!(
        "SELECT {APP_COLUMNS}, {ISSUER_COLUMNS} FROM apps a JOIN issuers i ON i.id = a.issuer_id \
         JOIN vault_keys v ON v.kid = a.data_kid {condition}"
    ))
}

pub async fn by_key(db: &Db, key: &str) -> Result<Option<App>, db::Error> {
    one(db, "WHERE a.key = $1", key).await
}

pub async fn by_id(db: &Db, id: &str) -> Result<Option<App>, db::Error> {
    one(db, "WHERE a.id = $1", id).await
}

async fn one(db: &Db, condition: &'static str, value: &str) -> Result<Option<App>, db::Error> {
    let row = sql(select_apps(condition)).bind(value).optional(db).await?;
    row.as_ref().map(read_app).transpose()
}

pub async fn all(db: &Db) -> Result<Vec<App>, db::Error> {
    let rows = sql(select_apps("ORDER BY a.key")).all(db).await?;
    rows.iter().map(read_app).collect()
}

/// An app's sealed secret and what it is bound to.
pub struct Secret {
    pub id: String,
    pub client_id: String,
    pub sealed: Option<Sealed>,
    pub data_key: WrappedKey,
}

/// The secrets of `limit` apps behind `after`, by id.
pub async fn secrets(db: &Db, after: &str, limit: i64) -> Result<Vec<Secret>, db::Error> {
    let select = "SELECT a.id, a.client_id, a.client_secret, v.kid, v.master_kid, v.wrapped FROM apps a \
        JOIN vault_keys v ON v.kid = a.data_kid WHERE a.id > $1 ORDER BY a.id LIMIT $2";
    let rows = sql(select).bind(after).bind(limit).all(db).await?;
    let read = |row: &Row| {
        Ok(Secret {
            id: row.get("id")?,
            client_id: row.get("client_id")?,
            sealed: row.get::<Option<String>>("client_secret")?.map(Sealed),
            data_key: read_key(row)?,
        })
    };
    rows.iter().map(read).collect()
}

fn read_key(row: &Row) -> Result<WrappedKey, db::Error> {
    Ok(WrappedKey { kid: row.get("kid")?, master_kid: row.get("master_kid")?, wrapped: row.get("wrapped")? })
}

/// The app with this client at this issuer.
pub async fn by_client_at(db: &Db, issuer_id: &str, client_id: &str) -> Result<Option<App>, db::Error> {
    let select = select_apps("WHERE a.issuer_id = $1 AND a.client_id = $2");
    let row = sql(select).bind(issuer_id).bind(client_id).optional(db).await?;
    row.as_ref().map(read_app).transpose()
}

/// The app that a provider of a Slack app's manifest became.
pub async fn by_provider(db: &Db, slack_app_id: &str, provider_key: &str) -> Result<Option<App>, db::Error> {
    let select = select_apps("WHERE a.slack_app_id = $1 AND a.provider_key = $2");
    let row = sql(select).bind(slack_app_id).bind(provider_key).optional(db).await?;
    row.as_ref().map(read_app).transpose()
}

/// The apps at an issuer.
pub async fn at_issuer(db: &Db, issuer_id: &str) -> Result<Vec<App>, db::Error> {
    let rows = sql(select_apps("WHERE a.issuer_id = $1")).bind(issuer_id).all(db).await?;
    rows.iter().map(read_app).collect()
}

/// The apps whose client this is at the issuer with that identifier: at most one a registered issuer.
pub async fn by_client(db: &Db, identifier: &str, client_id: &str) -> Result<Vec<App>, db::Error> {
    let select = select_apps("WHERE i.identifier = $1 AND a.client_id = $2");
    let rows = sql(select).bind(identifier).bind(client_id).all(db).await?;
    rows.iter().map(read_app).collect()
}

/// The ids and provider keys of the apps that came from one Slack app's manifest.
pub async fn of_slack_app(db: &Db, slack_app_id: &str) -> Result<Vec<(String, String)>, db::Error> {
    let rows = sql("SELECT id, provider_key FROM apps WHERE slack_app_id = $1 ORDER BY provider_key")
        .bind(slack_app_id)
        .all(db)
        .await?;
    rows.iter().map(|row| Ok((row.get("id")?, row.get("provider_key")?))).collect()
}

pub async fn issuer_by_key(db: &Db, key: &str) -> Result<Option<Issuer>, db::Error> {
    let select = Constants(format!("SELECT {ISSUER_COLUMNS} FROM issuers i WHERE i.key = $1"));
    let row = sql(select).bind(key).optional(db).await?;
    row.as_ref().map(read_issuer).transpose()
}

pub async fn issuers(db: &Db) -> Result<Vec<Issuer>, db::Error> {
    let select = Constants(format!("SELECT {ISSUER_COLUMNS} FROM issuers i ORDER BY i.key"));
    let rows = sql(select).all(db).await?;
    rows.iter().map(read_issuer).collect()
}

/// Writes an issuer under its key, keeping its id. One of another source is left alone: false.
pub async fn put_issuer(
    transaction: &mut DbConnection,
    issuer: &Issuer,
    source: Source,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let upsert = "INSERT INTO issuers (id, key, name, identifier, authorization_url, token_url, userinfo_url, \
            revocation_url, jwks_url, profile, scope_descriptions, source, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13) \
        ON CONFLICT (key) DO UPDATE SET name = excluded.name, identifier = excluded.identifier, \
            authorization_url = excluded.authorization_url, token_url = excluded.token_url, \
            userinfo_url = excluded.userinfo_url, revocation_url = excluded.revocation_url, \
            jwks_url = excluded.jwks_url, profile = excluded.profile, \
            scope_descriptions = excluded.scope_descriptions, updated_at = excluded.updated_at \
        WHERE issuers.source = excluded.source";
    let (authorization, token, userinfo, revocation, jwks) = match &issuer.whereabouts {
        Whereabouts::Discovery { said, .. } => (
            said.authorization.as_ref(),
            said.token.as_ref(),
            said.userinfo.as_ref(),
            said.revocation.as_ref(),
            said.jwks.as_ref(),
        ),
        Whereabouts::Explicit(urls) => (
            Some(&urls.authorization),
            Some(&urls.token),
            urls.userinfo.as_ref(),
            urls.revocation.as_ref(),
            None,
        ),
    };
    let text = |url: Option<&Url>| url.map(Url::to_string);
    let done = sql(upsert)
        .bind(&issuer.id)
        .bind(&issuer.key)
        .bind(&issuer.name)
        .bind(issuer.identifier().map(str::to_owned))
        .bind(text(authorization))
        .bind(text(token))
        .bind(text(userinfo))
        .bind(text(revocation))
        .bind(text(jwks))
        .bind(to_json(&issuer.profile))
        .bind(to_json(&issuer.scope_descriptions))
        .bind(<&str>::from(source))
        .bind(now.unix())
        .execute(transaction)
        .await?;
    Ok(done == 1)
}

/// What is not part of [`App`] but stored beside it.
pub struct Provenance {
    pub slack_app_id: Option<String>,
    pub provider_key: Option<String>,
    pub egress: Vec<String>,
    pub logo: Option<Logo>,
}

pub async fn logo(db: &Db, key: &str) -> Result<Option<Logo>, db::Error> {
    let select = "SELECT logo FROM apps WHERE key = $1 AND logo IS NOT NULL";
    let row = sql(select).bind(key).optional(db).await?;
    row.as_ref().map(|row| json(row, "logo")).transpose()
}

pub async fn insert(
    connection: &mut DbConnection,
    app: &App,
    provenance: &Provenance,
    now: Timestamp,
) -> Result<(), db::Error> {
    let insert = "INSERT INTO apps (id, key, name, description, logo, kind, home_page, status, issuer_id, \
            client_id, client_auth, client_secret, scopes, scope_rule, audience, authorization_url_extras, pkce, \
            identity_rule, identity_config, accepted_audiences, redirect_uris, egress, source, updated_at, \
            permissions, direct, data_kid, slack_app_id, provider_key, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, \
            $22, $23, $24, $25, $26, $27, $28, $29, $30)";
    bind_app(sql(insert), app, provenance, now)
        .bind(app.data_key.kid.clone())
        .bind(provenance.slack_app_id.clone())
        .bind(provenance.provider_key.clone())
        .bind(now.unix())
        .execute(connection)
        .await
        .map(drop)
}

/// Overwrites everything but the id, the key's owner and the data key.
pub async fn update(
    connection: &mut DbConnection,
    app: &App,
    provenance: &Provenance,
    now: Timestamp,
) -> Result<(), db::Error> {
    let update = "UPDATE apps SET key = $2, name = $3, description = $4, logo = $5, kind = $6, \
            home_page = $7, status = $8, issuer_id = $9, client_id = $10, client_auth = $11, client_secret = $12, \
            scopes = $13, scope_rule = $14, audience = $15, authorization_url_extras = $16, pkce = $17, \
            identity_rule = $18, identity_config = $19, accepted_audiences = $20, redirect_uris = $21, \
            egress = $22, source = $23, updated_at = $24, permissions = $25, direct = $26 WHERE id = $1";
    bind_app(sql(update), app, provenance, now).execute(connection).await.map(drop)
}

/// `$1` to `$26`, the same in the insert and the update.
fn bind_app(query: Sql, app: &App, provenance: &Provenance, now: Timestamp) -> Sql {
    query
        .bind(app.id.clone())
        .bind(app.key.clone())
        .bind(app.name.clone())
        .bind(app.description.clone())
        .bind(provenance.logo.as_ref().map(to_json))
        .bind(<&str>::from(app.kind))
        .bind(app.home_page.as_ref().map(Url::to_string))
        .bind(<&str>::from(app.status))
        .bind(app.issuer.id.clone())
        .bind(app.client_id.clone())
        .bind(to_json(&app.client_auth))
        .bind(app.client_secret.as_ref().map(|sealed| sealed.0.clone()))
        .bind(app.scopes.to_string())
        .bind(<&str>::from(app.scope_rule))
        .bind(app.audience.clone())
        .bind(to_json(&app.authorization_url_extras))
        .bind(app.pkce.map(|pkce| to_json(&pkce)))
        .bind(<&str>::from(app.identity_rule))
        .bind(app.identity_config.as_ref().map(to_json))
        .bind(to_json(&app.accepted_audiences))
        .bind(to_json(&app.redirect_uris))
        .bind(to_json(&provenance.egress))
        .bind(<&str>::from(app.source))
        .bind(now.unix())
        .bind(app.permissions.as_deref().map(to_json))
        .bind(app.direct.map(<&str>::from))
}

pub async fn set_status(
    transaction: &mut DbConnection,
    id: &str,
    status: AppStatus,
    now: Timestamp,
) -> Result<(), db::Error> {
    sql("UPDATE apps SET status = $2, updated_at = $3 WHERE id = $1")
        .bind(id)
        .bind(<&str>::from(status))
        .bind(now.unix())
        .execute(transaction)
        .await
        .map(drop)
}

fn read_app(row: &Row) -> Result<App, db::Error> {
    let scopes: String = row.get("scopes")?;
    Ok(App {
        id: row.get("id")?,
        key: row.get("key")?,
        name: row.get("name")?,
        description: row.get("description")?,
        has_logo: row.get::<String>("has_logo")? == "yes",
        kind: named(row, "kind")?,
        home_page: url(row, "home_page")?,
        status: named(row, "status")?,
        issuer: read_issuer(row)?,
        client_id: row.get("client_id")?,
        client_auth: json::<ClientAuth>(row, "client_auth")?,
        client_secret: row.get::<Option<String>>("client_secret")?.map(Sealed),
        data_key: read_key(row)?,
        scopes: Scopes::lenient(&scopes),
        scope_rule: named(row, "scope_rule")?,
        audience: row.get("audience")?,
        authorization_url_extras: json(row, "authorization_url_extras")?,
        pkce: optional_json(row, "pkce")?,
        identity_rule: named(row, "identity_rule")?,
        identity_config: optional_json(row, "identity_config")?,
        accepted_audiences: json(row, "accepted_audiences")?,
        redirect_uris: json(row, "redirect_uris")?,
        permissions: optional_json(row, "permissions")?.map(Arc::new),
        direct: row.get::<Option<String>>("direct")?.map(|_| named(row, "direct")).transpose()?,
        source: named(row, "source")?,
    })
}

fn read_issuer(row: &Row) -> Result<Issuer, db::Error> {
    let identifier: Option<String> = row.get("identifier")?;
    let required = |column: &'static str| {
        url(row, column)?
            .ok_or_else(|| db::undecodable(column, "is missing for an issuer without identifier"))
    };
    let whereabouts = match identifier {
        Some(identifier) => {
            let said = SaidUrls {
                authorization: url(row, "authorization_url")?,
                token: url(row, "token_url")?,
                userinfo: url(row, "userinfo_url")?,
                revocation: url(row, "revocation_url")?,
                jwks: url(row, "jwks_url")?,
            };
            Whereabouts::Discovery { identifier, said: Box::new(said) }
        }
        None => Whereabouts::Explicit(Box::new(ExplicitUrls {
            authorization: required("authorization_url")?,
            token: required("token_url")?,
            userinfo: url(row, "userinfo_url")?,
            revocation: url(row, "revocation_url")?,
        })),
    };
    Ok(Issuer {
        id: row.get("issuer_id")?,
        key: row.get("issuer_key")?,
        name: row.get("issuer_name")?,
        whereabouts,
        profile: json(row, "profile")?,
        scope_descriptions: json(row, "scope_descriptions")?,
    })
}

fn url(row: &Row, column: &str) -> Result<Option<Url>, db::Error> {
    let text: Option<String> = row.get(column)?;
    let parse = |text: String| Url::parse(&text).map_err(|_| db::undecodable(column, "is no URL"));
    text.map(parse).transpose()
}

fn optional_json<T: serde::de::DeserializeOwned>(row: &Row, column: &str) -> Result<Option<T>, db::Error> {
    let text: Option<String> = row.get(column)?;
    let parse = |text: String| {
        serde_json::from_str(&text).map_err(|_| db::undecodable(column, "is not the JSON that is expected"))
    };
    text.map(parse).transpose()
}

/// Our own plain structs: they always have a JSON form.
fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
