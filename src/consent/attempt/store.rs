//! The SQL of `connect_attempts`.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use url::Url;

use super::ReturnToApp;
use crate::clock::Timestamp;
use crate::consent::choice::Choice;
use crate::db::{self, Db, DbConnection};
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
    pub choice: Choice,
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
            verifier, nonce, scopes, return_uri, return_state, status, created_at, expires_at, choice) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'open', $11, $12, $13)";
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
            .bind(expires_at.unix())
            .bind(serde_json::to_string(&attempt.choice).unwrap_or_default()),
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
        RETURNING account_id, app_id, connection_id, verifier, nonce, scopes, return_uri, return_state, \
            choice";
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
    row.as_ref().map(read).transpose()
}

fn read(row: &AnyRow) -> Result<Attempt, sqlx::Error> {
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
        choice: db::json(row, "choice")?,
    })
}

/// Whose an open attempt is.
pub struct Open {
    pub account_id: String,
    pub browser: TokenHash,
}

/// The open attempt with this state, whosoever it is.
pub async fn open(db: &Db, state: &TokenHash, now: Timestamp) -> Result<Option<Open>, sqlx::Error> {
    let select = "SELECT account_id, browser_hash FROM connect_attempts \
        WHERE state_hash = $1 AND status = 'open' AND expires_at > $2";
    let row = sqlx::query(select).bind(state.as_str()).bind(now.unix()).fetch_optional(&db.pool).await?;
    let read = |row: AnyRow| {
        let browser = TokenHash::stored(row.try_get("browser_hash")?);
        Ok(Open { account_id: row.try_get("account_id")?, browser })
    };
    row.map(read).transpose()
}

/// Keeps what a used attempt brought, sealed, until `until`. False when the attempt is there no more.
pub async fn keep(
    db: &Db,
    state: &TokenHash,
    tokens: &Sealed,
    identity: &str,
    until: Timestamp,
) -> Result<bool, sqlx::Error> {
    let update = "UPDATE connect_attempts SET status = 'kept', kept_tokens = $2, kept_identity = $3, expires_at = $4 \
        WHERE state_hash = $1";
    let update = sqlx::query(update).bind(state.as_str()).bind(&tokens.0).bind(identity).bind(until.unix());
    Ok(db.execute(update).await? == 1)
}

/// What is kept of an attempt.
pub struct Kept {
    pub tokens: Sealed,
    /// JSON.
    pub identity: String,
    pub attempt: Attempt,
    pub created_at: Timestamp,
}

const KEPT: &str = "account_id, app_id, connection_id, verifier, nonce, scopes, return_uri, return_state, choice, \
    kept_tokens, kept_identity, created_at";

/// For the page that asks the person.
pub async fn kept(
    db: &Db,
    state: &TokenHash,
    claimant: &Claimant<'_>,
    now: Timestamp,
) -> Result<Option<Kept>, sqlx::Error> {
    let select = AssertSqlSafe(format!(
        "SELECT {KEPT} FROM connect_attempts WHERE state_hash = $1 AND account_id = $2 AND browser_hash = $3 \
            AND app_id = $4 AND status = 'kept' AND expires_at > $5"
    ));
    let row = sqlx::query(select)
        .bind(state.as_str())
        .bind(claimant.account_id)
        .bind(claimant.browser.as_str())
        .bind(claimant.app_id)
        .bind(now.unix())
        .fetch_optional(&db.pool)
        .await?;
    row.as_ref().map(read_kept).transpose()
}

/// Takes it for one decision, which nobody disturbs before `until`. The tokens stay until they are a connection's, or the
/// issuer has been told. False when it was taken already, or its time was over.
pub async fn take_kept(
    db: &Db,
    state: &TokenHash,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, sqlx::Error> {
    let update = "UPDATE connect_attempts SET status = 'used', expires_at = $2 \
        WHERE state_hash = $1 AND status = 'kept' AND expires_at > $3";
    let update = sqlx::query(update).bind(state.as_str()).bind(until.unix()).bind(now.unix());
    Ok(db.execute(update).await? == 1)
}

/// What is kept is a connection's from now on, or nobody's.
pub async fn forget_kept(transaction: &mut DbConnection, state: &TokenHash) -> Result<(), sqlx::Error> {
    let update = "UPDATE connect_attempts SET kept_tokens = NULL, kept_identity = NULL \
        WHERE state_hash = $1 AND kept_tokens IS NOT NULL";
    sqlx::query(update).bind(state.as_str()).execute(transaction).await.map(drop)
}

/// Takes what is to be given back, for this process alone and until this moment. False when somebody else has it.
pub async fn take_forgotten(
    db: &Db,
    state: &TokenHash,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, sqlx::Error> {
    let update = "UPDATE connect_attempts SET status = 'used', expires_at = $2 \
        WHERE state_hash = $1 AND kept_tokens IS NOT NULL AND expires_at <= $3";
    let update = sqlx::query(update).bind(state.as_str()).bind(until.unix()).bind(now.unix());
    Ok(db.execute(update).await? == 1)
}

/// What nobody decided about in time, or whose decision was cut off: the attempts' names.
pub async fn forgotten(db: &Db, now: Timestamp) -> Result<Vec<(TokenHash, Kept)>, sqlx::Error> {
    let select = AssertSqlSafe(format!(
        "SELECT state_hash, {KEPT} FROM connect_attempts \
         WHERE kept_tokens IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT 20"
    ));
    let rows = sqlx::query(select).bind(now.unix()).fetch_all(&db.pool).await?;
    rows.iter().map(|row| Ok((TokenHash::stored(row.try_get("state_hash")?), read_kept(row)?))).collect()
}

fn read_kept(row: &AnyRow) -> Result<Kept, sqlx::Error> {
    Ok(Kept {
        tokens: Sealed(row.try_get("kept_tokens")?),
        identity: row.try_get("kept_identity")?,
        attempt: read(row)?,
        created_at: Timestamp::from_unix(row.try_get("created_at")?),
    })
}

/// The consent has ended, well or not, unless the person is still to decide about it.
pub async fn end(db: &Db, state: &TokenHash) -> Result<(), sqlx::Error> {
    let update = "UPDATE connect_attempts SET status = 'ended' WHERE state_hash = $1 AND status = 'used'";
    db.execute(sqlx::query(update).bind(state.as_str())).await.map(drop)
}

/// Whether a consent of this person for this app has begun and not ended, other than `but`.
pub async fn is_connecting(
    db: &Db,
    account_id: &str,
    app_id: &str,
    but: Option<&TokenHash>,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let select = "SELECT state_hash FROM connect_attempts WHERE account_id = $1 AND app_id = $2 \
        AND status <> 'ended' AND expires_at > $3 AND state_hash <> $4 LIMIT 1";
    let row = sqlx::query(select)
        .bind(account_id)
        .bind(app_id)
        .bind(now.unix())
        .bind(but.map_or("", TokenHash::as_str))
        .fetch_optional(&db.pool)
        .await?;
    Ok(row.is_some())
}

/// The sealed verifiers of `limit` running consents behind `after`, by the hash of their state, and what is kept of them.
pub async fn verifiers(
    db: &Db,
    after: &str,
    limit: i64,
) -> Result<Vec<(TokenHash, Sealed, Option<Sealed>)>, sqlx::Error> {
    let select = "SELECT state_hash, verifier, kept_tokens FROM connect_attempts WHERE state_hash > $1 \
        ORDER BY state_hash LIMIT $2";
    let rows = sqlx::query(select).bind(after).bind(limit).fetch_all(&db.pool).await?;
    let read = |row: &AnyRow| {
        let kept: Option<String> = row.try_get("kept_tokens")?;
        let hash = TokenHash::stored(row.try_get("state_hash")?);
        Ok((hash, Sealed(row.try_get("verifier")?), kept.map(Sealed)))
    };
    rows.iter().map(read).collect()
}

pub async fn sweep(db: &Db, now: Timestamp) -> Result<(), sqlx::Error> {
    let over = "SELECT state_hash FROM connect_attempts WHERE expires_at <= $1 AND kept_tokens IS NULL";
    let delete =
        "DELETE FROM connect_attempts WHERE state_hash = $1 AND expires_at <= $2 AND kept_tokens IS NULL";
    db.delete_each(sqlx::query(over).bind(now.unix()), delete, now).await.map(drop)
}

/// Nobody decides about those of an account any more: what one brought is dropped as ever, and its issuer told.
pub async fn forget(transaction: &mut DbConnection, account_id: &str) -> Result<(), sqlx::Error> {
    let update =
        sqlx::query("UPDATE connect_attempts SET expires_at = 0 WHERE account_id = $1").bind(account_id);
    update.execute(transaction).await.map(drop)
}
