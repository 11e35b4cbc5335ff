//! The SQL of `connect_attempts`.

use sqlx::{AnyConnection, Row};
use url::Url;

use super::ReturnToApp;
use crate::clock::Timestamp;
use crate::db::{self, Db};
use crate::issuer::scope::Scopes;
use crate::secret::TokenHash;
use crate::vault::Sealed;

/// A running consent.
pub struct Attempt {
    pub account_id: String,
    pub app_id: String,
    pub connection_id: Option<String>,
    pub verifier: Sealed,
    pub nonce: String,
    pub scopes: Scopes,
    pub return_to_app: Option<ReturnToApp>,
}

pub async fn begin(
    db: &Db,
    state: &TokenHash,
    browser: &TokenHash,
    attempt: &Attempt,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO connect_attempts (state_hash, account_id, app_id, browser_hash, connection_id, \
            verifier, nonce, scopes, return_uri, return_state, status, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'open', $11, $12)";
    db.execute(
        sqlx::query(insert)
            .bind(state.as_str())
            .bind(&attempt.account_id)
            .bind(&attempt.app_id)
            .bind(browser.as_str())
            .bind(attempt.connection_id.clone())
            .bind(&attempt.verifier.0)
            .bind(&attempt.nonce)
            .bind(attempt.scopes.to_string())
            .bind(attempt.return_to_app.as_ref().map(|back| back.uri.to_string()))
            .bind(attempt.return_to_app.as_ref().and_then(|back| back.state.clone()))
            .bind(now.unix())
            .bind(expires_at.unix()),
    )
    .await
    .map(drop)
}

/// Whose an answer is allowed to be: this person's, in this browser, for this app.
pub struct Claimant<'a> {
    pub account_id: &'a str,
    pub browser: &'a TokenHash,
    pub app_id: &'a str,
}

/// Marks the attempt used, so that a second callback with the same state finds none.
pub async fn take(
    db: &Db,
    state: &TokenHash,
    claimant: &Claimant<'_>,
    now: Timestamp,
) -> Result<Option<Attempt>, sqlx::Error> {
    let update = "UPDATE connect_attempts SET status = 'used' WHERE state_hash = $1 AND account_id = $2 \
            AND browser_hash = $3 AND app_id = $4 AND status = 'open' AND expires_at > $5 \
        RETURNING account_id, app_id, connection_id, verifier, nonce, scopes, return_uri, return_state";
    let mut transaction = db.begin().await?;
    let row = sqlx::query(update)
        .bind(state.as_str())
        .bind(claimant.account_id)
        .bind(claimant.browser.as_str())
        .bind(claimant.app_id)
        .bind(now.unix())
        .fetch_optional(&mut *transaction)
        .await?;
    // A commit of its own: a statement that returns rows hides a commit that failed.
    transaction.commit().await?;
    row.map(|row| {
        let scopes: String = row.try_get("scopes")?;
        let uri: Option<String> = row.try_get("return_uri")?;
        let parse = |uri: String| Url::parse(&uri).map_err(|_| db::undecodable("return_uri", "is no URL"));
        let uri = uri.map(parse).transpose()?;
        let state = row.try_get("return_state")?;
        Ok(Attempt {
            account_id: row.try_get("account_id")?,
            app_id: row.try_get("app_id")?,
            connection_id: row.try_get("connection_id")?,
            verifier: Sealed(row.try_get("verifier")?),
            nonce: row.try_get("nonce")?,
            scopes: Scopes::lenient(&scopes),
            return_to_app: uri.map(|uri| ReturnToApp { uri, state }),
        })
    })
    .transpose()
}

/// Whether an open attempt has this state: then it is another's.
pub async fn is_open(db: &Db, state: &TokenHash, now: Timestamp) -> Result<bool, sqlx::Error> {
    let select = "SELECT state_hash FROM connect_attempts WHERE state_hash = $1 AND status = 'open' AND expires_at > $2";
    let row = sqlx::query(select).bind(state.as_str()).bind(now.unix()).fetch_optional(&db.pool).await?;
    Ok(row.is_some())
}

pub async fn sweep(db: &Db, now: Timestamp) -> Result<(), sqlx::Error> {
    let delete = sqlx::query("DELETE FROM connect_attempts WHERE expires_at <= $1").bind(now.unix());
    db.execute(delete).await.map(drop)
}

/// Those of an account.
pub async fn forget(transaction: &mut AnyConnection, account_id: &str) -> Result<(), sqlx::Error> {
    let delete = sqlx::query("DELETE FROM connect_attempts WHERE account_id = $1").bind(account_id);
    delete.execute(transaction).await.map(drop)
}
