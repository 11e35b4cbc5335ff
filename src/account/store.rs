//! The SQL of `accounts` and `sign_in_attempts`.

use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::Account;
use crate::App;
use crate::clock::Timestamp;
use crate::db::write::Transaction;
use crate::db::{Db, json};
use crate::secret::{TokenHash, random_id};

const COLUMNS: &str = "id, issuer, subject, name, email, claims";

/// What the issuer told about a person at sign-in.
pub struct Profile<'a> {
    pub issuer: &'a str,
    pub subject: &'a str,
    pub name: Option<&'a str>,
    pub email: Option<&'a str>,
    pub picture: Option<&'a str>,
    pub claims: &'a Map<String, Value>,
}

/// The account of (issuer, subject), made or brought up to date.
pub async fn sign_in(app: &App, profile: &Profile<'_>, now: Timestamp) -> Result<Account, sqlx::Error> {
    let upsert = sqlx::AssertSqlSafe(format!(
        "INSERT INTO accounts (id, issuer, subject, name, email, picture, claims, created_at, last_sign_in_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (issuer, subject) DO UPDATE SET name = excluded.name, email = excluded.email, \
             picture = excluded.picture, claims = excluded.claims, last_sign_in_at = excluded.last_sign_in_at \
         RETURNING {COLUMNS}"
    ));
    let mut transaction = app.db.begin().await?;
    let row = sqlx::query(upsert)
        .bind(format!("ac_{}", random_id::<20>()))
        .bind(profile.issuer)
        .bind(profile.subject)
        .bind(profile.name)
        .bind(profile.email)
        .bind(profile.picture)
        .bind(Value::Object(profile.claims.clone()).to_string())
        .bind(now.unix())
        .bind(now.unix())
        .fetch_one(&mut *transaction)
        .await?;
    let account = read(&row)?;
    let (holder, id) = (app.clone(), account.id.clone());
    transaction.after_commit(move || holder.held.accounts.forget(&id));
    transaction.commit().await?;
    Ok(account)
}

pub async fn by_id(db: &Db, id: &str) -> Result<Option<Account>, sqlx::Error> {
    let select =
        sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM accounts WHERE id = $1 AND status = 'active'"));
    let row = sqlx::query(select).bind(id).fetch_optional(&db.pool).await?;
    row.as_ref().map(read).transpose()
}

pub async fn by_id_even_deleted(db: &Db, id: &str) -> Result<Option<Account>, sqlx::Error> {
    let select = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM accounts WHERE id = $1"));
    let row = sqlx::query(select).bind(id).fetch_optional(&db.pool).await?;
    row.as_ref().map(read).transpose()
}

pub async fn by_subject(db: &Db, issuer: &str, subject: &str) -> Result<Option<Account>, sqlx::Error> {
    let select =
        sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM accounts WHERE issuer = $1 AND subject = $2"));
    let row = sqlx::query(select).bind(issuer).bind(subject).fetch_optional(&db.pool).await?;
    row.as_ref().map(read).transpose()
}

/// Takes the person out of an account: whoever signs in as they did gets another one. False when that was done before.
pub async fn begin_deletion(
    app: &App,
    transaction: &mut Transaction,
    id: &str,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let (holder, held) = (app.clone(), id.to_owned());
    transaction.after_commit(move || holder.held.accounts.forget(&held));
    let update = "UPDATE accounts SET status = 'deleting', issuer = '', subject = id, name = NULL, email = NULL, \
            picture = NULL, claims = '{}', deleted_at = $2 WHERE id = $1 AND status = 'active'";
    let done = sqlx::query(update).bind(id).bind(now.unix()).execute(&mut **transaction).await?;
    Ok(done.rows_affected() == 1)
}

/// Accounts whose connections may not all have ended yet.
pub async fn deleting(db: &Db, now: Timestamp) -> Result<Vec<String>, sqlx::Error> {
    let select = "SELECT id FROM accounts WHERE status = 'deleting' AND deleted_at <= $1 ORDER BY deleted_at LIMIT 100";
    let rows = sqlx::query(select).bind(now.unix()).fetch_all(&db.pool).await?;
    rows.iter().map(|row| row.try_get("id")).collect()
}

/// Only of one that was deleted before `before`, and all of whose issuers were told.
pub async fn end_deletion(
    transaction: &mut Transaction,
    id: &str,
    before: Timestamp,
) -> Result<bool, sqlx::Error> {
    let update = "UPDATE accounts SET status = 'deleted' WHERE id = $1 AND status = 'deleting' AND deleted_at <= $2 \
        AND NOT EXISTS (SELECT 1 FROM connections c WHERE c.account_id = accounts.id AND c.consented_at >= 0 \
            AND c.status <> 'revoked')";
    let done = sqlx::query(update).bind(id).bind(before.unix()).execute(&mut **transaction).await?;
    Ok(done.rows_affected() == 1)
}

fn read(row: &AnyRow) -> Result<Account, sqlx::Error> {
    Ok(Account {
        id: row.try_get("id")?,
        issuer: row.try_get("issuer")?,
        subject: row.try_get("subject")?,
        name: row.try_get("name")?,
        email: row.try_get("email")?,
        claims: json(row, "claims")?,
    })
}

/// A running sign-in; `verifier` is sealed.
pub struct Attempt {
    pub verifier: String,
    pub nonce: String,
    pub return_to: String,
}

pub async fn begin(
    db: &Db,
    state: &TokenHash,
    browser: &TokenHash,
    attempt: &Attempt,
    expires_at: Timestamp,
) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO sign_in_attempts (state_hash, browser_hash, verifier, nonce, return_to, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    db.execute(
        sqlx::query(insert)
            .bind(state.as_str())
            .bind(browser.as_str())
            .bind(&attempt.verifier)
            .bind(&attempt.nonce)
            .bind(&attempt.return_to)
            .bind(expires_at.unix()),
    )
    .await
    .map(drop)
}

/// Takes the attempt away, so that a second callback with the same state finds none.
pub async fn take(
    db: &Db,
    state: &TokenHash,
    browser: &TokenHash,
    now: Timestamp,
) -> Result<Option<Attempt>, sqlx::Error> {
    let delete = "DELETE FROM sign_in_attempts WHERE state_hash = $1 AND browser_hash = $2 AND expires_at > $3 \
        RETURNING verifier, nonce, return_to";
    let mut transaction = db.begin().await?;
    let row = sqlx::query(delete)
        .bind(state.as_str())
        .bind(browser.as_str())
        .bind(now.unix())
        .fetch_optional(&mut *transaction)
        .await?;
    // A commit of its own: a statement that returns rows hides a commit that failed.
    transaction.commit().await?;
    row.map(|row| {
        Ok(Attempt {
            verifier: row.try_get("verifier")?,
            nonce: row.try_get("nonce")?,
            return_to: row.try_get("return_to")?,
        })
    })
    .transpose()
}

/// The sealed verifiers of `limit` running sign-ins behind `after`, by the hash of their state.
pub async fn verifiers(db: &Db, after: &str, limit: i64) -> Result<Vec<(TokenHash, String)>, sqlx::Error> {
    let select = "SELECT state_hash, verifier FROM sign_in_attempts WHERE state_hash > $1 \
        ORDER BY state_hash LIMIT $2";
    let rows = sqlx::query(select).bind(after).bind(limit).fetch_all(&db.pool).await?;
    let read = |row: &AnyRow| Ok((TokenHash::stored(row.try_get("state_hash")?), row.try_get("verifier")?));
    rows.iter().map(read).collect()
}

pub async fn sweep(db: &Db, now: Timestamp) -> Result<(), sqlx::Error> {
    let over = sqlx::query("SELECT state_hash FROM sign_in_attempts WHERE expires_at <= $1").bind(now.unix());
    let delete = "DELETE FROM sign_in_attempts WHERE state_hash = $1 AND expires_at <= $2";
    db.delete_each(over, delete, now).await.map(drop)
}
