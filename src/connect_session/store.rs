//! The SQL of `connect_sessions`.

use url::Url;

use super::row::{ConnectSession, Status};
use crate::account::vouched::Vouched;
use crate::clock::Timestamp;
use crate::db::write::Transaction;
use crate::db::{self, Db, Row, named, sql};
use crate::secret::TokenHash;

/// False when a word with this `jti` was brought before.
pub async fn insert(
    transaction: &mut Transaction,
    session: &ConnectSession,
    jti: &TokenHash,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let insert = "INSERT INTO connect_sessions (secret_hash, id, issuer, subject, jti_hash, name, email, app_key, \
            return_to, caller_id, status, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (issuer, jti_hash) DO NOTHING";
    let done = sql(insert)
        .bind(session.secret.as_str())
        .bind(&session.id)
        .bind(&session.person.issuer)
        .bind(&session.person.subject)
        .bind(jti.as_str())
        .bind(&session.person.name)
        .bind(&session.person.email)
        .bind(&session.app_key)
        .bind(session.return_to.as_ref().map(Url::as_str))
        .bind(&session.caller_id)
        .bind(<&str>::from(session.status))
        .bind(now.unix())
        .bind(session.expires_at.unix())
        .execute(&mut **transaction)
        .await?;
    Ok(done == 1)
}

pub async fn by_secret(db: &Db, secret: &TokenHash) -> Result<Option<ConnectSession>, db::Error> {
    let select = "SELECT secret_hash, id, issuer, subject, name, email, app_key, return_to, caller_id, status, expires_at \
        FROM connect_sessions WHERE secret_hash = $1";
    let row = sql(select).bind(secret.as_str()).optional(db).await?;
    row.as_ref().map(read).transpose()
}

/// Ends an open one. False when it was ended before, or its time is over.
pub async fn end(
    transaction: &mut Transaction,
    secret: &TokenHash,
    status: Status,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let update = "UPDATE connect_sessions SET status = $2, ended_at = $3 \
        WHERE secret_hash = $1 AND status = 'open' AND expires_at > $3";
    let update = sql(update).bind(secret.as_str()).bind(<&str>::from(status)).bind(now.unix());
    Ok(update.execute(&mut **transaction).await? == 1)
}

/// The rows stay for the sake of their `jti`, without the person.
pub async fn forget(
    transaction: &mut Transaction,
    issuer: &str,
    subject: &str,
    now: Timestamp,
) -> Result<(), db::Error> {
    let update = "UPDATE connect_sessions SET status = 'forgotten', ended_at = $3, subject = '', name = NULL, email = NULL \
        WHERE issuer = $1 AND subject = $2";
    sql(update).bind(issuer).bind(subject).bind(now.unix()).execute(&mut **transaction).await.map(drop)
}

pub async fn sweep(db: &Db, now: Timestamp) -> Result<(), db::Error> {
    let over = sql("SELECT secret_hash FROM connect_sessions WHERE expires_at <= $1").bind(now.unix());
    let delete = "DELETE FROM connect_sessions WHERE secret_hash = $1 AND expires_at <= $2";
    db.delete_each(over, delete, now).await.map(drop)
}

fn read(row: &Row) -> Result<ConnectSession, db::Error> {
    let return_to: Option<String> = row.get("return_to")?;
    let parse = |uri: String| Url::parse(&uri).map_err(|_| db::undecodable("return_to", "is no URL"));
    Ok(ConnectSession {
        secret: TokenHash::stored(row.get("secret_hash")?),
        id: row.get("id")?,
        person: Vouched {
            issuer: row.get("issuer")?,
            subject: row.get("subject")?,
            name: row.get("name")?,
            email: row.get("email")?,
        },
        app_key: row.get("app_key")?,
        return_to: return_to.map(parse).transpose()?,
        caller_id: row.get("caller_id")?,
        status: named(row, "status")?,
        expires_at: Timestamp::from_unix(row.get("expires_at")?),
    })
}
