//! The SQL of `accounts` and `used_sign_ins`.

use serde_json::{Map, Value};

use super::person::Account;
use crate::Broker;
use crate::clock::Timestamp;
use crate::db::write::Transaction;
use crate::db::{self, Constants, Db, Row, json, sql};
use crate::secret::{TokenHash, random_id};

const COLUMNS: &str = "id, issuer, subject, name, email, claims, claims_at, last_sign_in_at, created_at";

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
pub async fn sign_in(broker: &Broker, profile: &Profile<'_>, now: Timestamp) -> Result<Account, db::Error> {
    let mut transaction = broker.db.begin().await?;
    let account = sign_in_with(broker, &mut transaction, profile, now).await?;
    transaction.commit().await?;
    Ok(account)
}

/// The same, as part of something greater.
pub async fn sign_in_with(
    broker: &Broker,
    transaction: &mut Transaction,
    profile: &Profile<'_>,
    now: Timestamp,
) -> Result<Account, db::Error> {
    let upsert = Constants(format!(
        "INSERT INTO accounts (id, issuer, subject, name, email, picture, claims, created_at, last_sign_in_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) \
         ON CONFLICT (issuer, subject) DO UPDATE SET name = excluded.name, email = excluded.email, \
             picture = excluded.picture, claims = excluded.claims, claims_at = '{{}}', \
             last_sign_in_at = excluded.last_sign_in_at \
         RETURNING {COLUMNS}"
    ));
    let row = sql(upsert)
        .bind(format!("ac_{}", random_id::<20>()))
        .bind(profile.issuer)
        .bind(profile.subject)
        .bind(profile.name)
        .bind(profile.email)
        .bind(profile.picture)
        .bind(Value::Object(profile.claims.clone()).to_string())
        .bind(now.unix())
        .one(&mut **transaction)
        .await?;
    let account = read(&row)?;
    let (holder, id) = (broker.clone(), account.id.clone());
    transaction.after_commit(move || holder.held.accounts.forget(&id));
    Ok(account)
}

/// Only over what `next` was made of. False when the account has changed since.
pub async fn follow(broker: &Broker, seen: &Account, next: &Account) -> Result<bool, db::Error> {
    let text = |account: &Account| {
        let at = serde_json::to_string(&account.claims_at).unwrap_or_default();
        (Value::Object(account.claims.clone()).to_string(), at)
    };
    let ((seen_claims, seen_at), (claims, claims_at)) = (text(seen), text(next));
    let mut transaction = broker.db.begin().await?;
    let (holder, id) = (broker.clone(), seen.id.clone());
    transaction.after_commit(move || holder.held.accounts.forget(&id));
    let update = "UPDATE accounts SET claims = $2, claims_at = $3 \
        WHERE id = $1 AND status = 'active' AND claims = $4 AND claims_at = $5 AND last_sign_in_at = $6";
    let done = sql(update)
        .bind(&seen.id)
        .bind(claims)
        .bind(claims_at)
        .bind(seen_claims)
        .bind(seen_at)
        .bind(seen.signed_in_at.unix())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(done == 1)
}

pub async fn by_id(db: &Db, id: &str) -> Result<Option<Account>, db::Error> {
    let select = Constants(format!("SELECT {COLUMNS} FROM accounts WHERE id = $1 AND status = 'active'"));
    let row = sql(select).bind(id).optional(db).await?;
    row.as_ref().map(read).transpose()
}

pub async fn by_id_even_deleted(db: &Db, id: &str) -> Result<Option<Account>, db::Error> {
    let select = Constants(format!("SELECT {COLUMNS} FROM accounts WHERE id = $1"));
    let row = sql(select).bind(id).optional(db).await?;
    row.as_ref().map(read).transpose()
}

pub async fn by_subject(db: &Db, issuer: &str, subject: &str) -> Result<Option<Account>, db::Error> {
    let select = Constants(format!("SELECT {COLUMNS} FROM accounts WHERE issuer = $1 AND subject = $2"));
    let row = sql(select).bind(issuer).bind(subject).optional(db).await?;
    row.as_ref().map(read).transpose()
}

/// Takes the person out of an account: whoever signs in as they did gets another one. False when that was done before.
pub async fn begin_deletion(
    broker: &Broker,
    transaction: &mut Transaction,
    id: &str,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let (holder, held) = (broker.clone(), id.to_owned());
    transaction.after_commit(move || holder.held.accounts.forget(&held));
    let update = "UPDATE accounts SET status = 'deleting', issuer = '', subject = id, name = NULL, email = NULL, \
            picture = NULL, claims = '{}', claims_at = '{}', deleted_at = $2 WHERE id = $1 AND status = 'active'";
    let done = sql(update).bind(id).bind(now.unix()).execute(&mut **transaction).await?;
    Ok(done == 1)
}

/// Accounts whose connections may not all have ended yet.
pub async fn deleting(db: &Db, now: Timestamp) -> Result<Vec<String>, db::Error> {
    let select = "SELECT id FROM accounts WHERE status = 'deleting' AND deleted_at <= $1 ORDER BY deleted_at LIMIT 100";
    let rows = sql(select).bind(now.unix()).all(db).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// How far a deletion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// There is no such account, or it is not being deleted.
    None,
    /// Not all issuers have been told.
    UnderWay,
    /// Nothing of the person is left.
    Done,
}

pub async fn deletion(db: &Db, id: &str) -> Result<Deletion, db::Error> {
    let select = sql("SELECT status FROM accounts WHERE id = $1").bind(id);
    let row = select.optional(db).await?;
    let status: Option<String> = row.map(|row| row.get("status")).transpose()?;
    Ok(match status.as_deref() {
        Some("deleting") => Deletion::UnderWay,
        Some("deleted") => Deletion::Done,
        _ => Deletion::None,
    })
}

/// Only of one that was deleted before `before`, and all of whose issuers were told, also of what was kept undecided.
pub async fn end_deletion(
    transaction: &mut Transaction,
    id: &str,
    before: Timestamp,
) -> Result<bool, db::Error> {
    let update = "UPDATE accounts SET status = 'deleted' WHERE id = $1 AND status = 'deleting' AND deleted_at <= $2 \
        AND NOT EXISTS (SELECT 1 FROM connections c WHERE c.account_id = accounts.id AND c.consented_at >= 0 \
            AND c.status <> 'revoked') \
        AND NOT EXISTS (SELECT 1 FROM connect_attempts k WHERE k.account_id = accounts.id \
            AND k.kept_tokens IS NOT NULL)";
    let done = sql(update).bind(id).bind(before.unix()).execute(&mut **transaction).await?;
    Ok(done == 1)
}

fn read(row: &Row) -> Result<Account, db::Error> {
    Ok(Account {
        id: row.get("id")?,
        issuer: row.get("issuer")?,
        subject: row.get("subject")?,
        name: row.get("name")?,
        email: row.get("email")?,
        claims: json(row, "claims")?,
        claims_at: json(row, "claims_at")?,
        signed_in_at: Timestamp::from_unix(row.get("last_sign_in_at")?),
        made_at: Timestamp::from_unix(row.get("created_at")?),
    })
}

/// Used sign-ins that are remembered at the most: more than real people make in ten minutes, and a few megabytes.
const REMEMBERED: i64 = 100_000;

/// What became of a sign-in that was to be used.
pub enum Used {
    Now,
    Before,
    TooMany,
}

/// Remembers that a sign-in was used, until its time is over.
pub async fn use_up(db: &Db, state: &TokenHash, expires_at: Timestamp) -> Result<Used, db::Error> {
    let insert = "INSERT INTO used_sign_ins (state_hash, expires_at) \
        SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT) \
            WHERE (SELECT COUNT(*) FROM (SELECT 1 FROM used_sign_ins LIMIT $3) AS used) < $3 \
        ON CONFLICT (state_hash) DO NOTHING";
    let insert = sql(insert).bind(state.as_str()).bind(expires_at.unix()).bind(REMEMBERED);
    if insert.execute(db).await? == 1 {
        return Ok(Used::Now);
    }
    let select = sql("SELECT state_hash FROM used_sign_ins WHERE state_hash = $1").bind(state.as_str());
    let used = select.optional(db).await?.is_some();
    Ok(if used { Used::Before } else { Used::TooMany })
}

pub async fn sweep(db: &Db, now: Timestamp) -> Result<(), db::Error> {
    let over = sql("SELECT state_hash FROM used_sign_ins WHERE expires_at <= $1").bind(now.unix());
    let delete = "DELETE FROM used_sign_ins WHERE state_hash = $1 AND expires_at <= $2";
    db.delete_each(over, delete, now).await.map(drop)
}
