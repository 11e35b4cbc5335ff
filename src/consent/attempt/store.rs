//! The SQL of `connect_attempts`.

use url::Url;

use super::ReturnToApp;
use crate::clock::Timestamp;
use crate::consent::choice::Choice;
use crate::db::{self, Constants, Db, DbConnection, Row, sql};
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
) -> Result<(), db::Error> {
    let insert = "INSERT INTO connect_attempts (state_hash, account_id, app_id, browser_hash, connection_id, \
            verifier, nonce, scopes, return_uri, return_state, status, created_at, expires_at, choice) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'open', $11, $12, $13)";
    sql(insert)
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
        .bind(serde_json::to_string(&attempt.choice).unwrap_or_default())
        .execute(db)
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
) -> Result<Option<Attempt>, db::Error> {
    let update = "UPDATE connect_attempts SET status = 'used' WHERE state_hash = $1 AND account_id = $2 \
            AND browser_hash = $3 AND app_id = $4 AND status = 'open' AND expires_at > $5 \
        RETURNING account_id, app_id, connection_id, verifier, nonce, scopes, return_uri, return_state, \
            choice";
    let mut transaction = db.begin().await?;
    let row = sql(update)
        .bind(state.as_str())
        .bind(claimant.account_id)
        .bind(claimant.browser.as_str())
        .bind(claimant.app_id)
        .bind(now.unix())
        .optional(&mut *transaction)
        .await?;
    // A commit of its own: a statement that returns rows hides a commit that failed.
    transaction.commit().await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Attempt, db::Error> {
    let scopes: String = row.get("scopes")?;
    let uri: Option<String> = row.get("return_uri")?;
    let parse = |uri: String| Url::parse(&uri).map_err(|_| db::undecodable("return_uri", "is no URL"));
    let uri = uri.map(parse).transpose()?;
    let state = row.get("return_state")?;
    Ok(Attempt {
        account_id: row.get("account_id")?,
        app_id: row.get("app_id")?,
        connection_id: row.get("connection_id")?,
        verifier: Sealed(row.get("verifier")?),
        nonce: row.get("nonce")?,
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
pub async fn open(db: &Db, state: &TokenHash, now: Timestamp) -> Result<Option<Open>, db::Error> {
    let select = "SELECT account_id, browser_hash FROM connect_attempts \
        WHERE state_hash = $1 AND status = 'open' AND expires_at > $2";
    let row = sql(select).bind(state.as_str()).bind(now.unix()).optional(db).await?;
    let read = |row: Row| {
        let browser = TokenHash::stored(row.get("browser_hash")?);
        Ok(Open { account_id: row.get("account_id")?, browser })
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
) -> Result<bool, db::Error> {
    let update = "UPDATE connect_attempts SET status = 'kept', kept_tokens = $2, kept_identity = $3, expires_at = $4 \
        WHERE state_hash = $1";
    let update = sql(update).bind(state.as_str()).bind(&tokens.0).bind(identity).bind(until.unix());
    Ok(update.execute(db).await? == 1)
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
) -> Result<Option<Kept>, db::Error> {
    let select = Constants(format!(
        "SELECT {KEPT} FROM connect_attempts WHERE state_hash = $1 AND account_id = $2 AND browser_hash = $3 \
            AND app_id = $4 AND status = 'kept' AND expires_at > $5"
    ));
    let row = sql(select)
        .bind(state.as_str())
        .bind(claimant.account_id)
        .bind(claimant.browser.as_str())
        .bind(claimant.app_id)
        .bind(now.unix())
        .optional(db)
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
) -> Result<bool, db::Error> {
    let update = "UPDATE connect_attempts SET status = 'used', expires_at = $2 \
        WHERE state_hash = $1 AND status = 'kept' AND expires_at > $3";
    let update = sql(update).bind(state.as_str()).bind(until.unix()).bind(now.unix());
    Ok(update.execute(db).await? == 1)
}

/// What is kept is a connection's from now on, or nobody's.
pub async fn forget_kept(transaction: &mut DbConnection, state: &TokenHash) -> Result<(), db::Error> {
    let update = "UPDATE connect_attempts SET kept_tokens = NULL, kept_identity = NULL \
        WHERE state_hash = $1 AND kept_tokens IS NOT NULL";
    sql(update).bind(state.as_str()).execute(transaction).await.map(drop)
}

/// Takes what is to be given back, for this process alone and until this moment. False when somebody else has it.
pub async fn take_forgotten(
    db: &Db,
    state: &TokenHash,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, db::Error> {
    let update = "UPDATE connect_attempts SET status = 'used', expires_at = $2 \
        WHERE state_hash = $1 AND kept_tokens IS NOT NULL AND expires_at <= $3";
    let update = sql(update).bind(state.as_str()).bind(until.unix()).bind(now.unix());
    Ok(update.execute(db).await? == 1)
}

/// What nobody decided about in time, or whose decision was cut off: the attempts' names.
pub async fn forgotten(db: &Db, now: Timestamp) -> Result<Vec<(TokenHash, Kept)>, db::Error> {
    let select = Constants(format!(
        "SELECT state_hash, {KEPT} FROM connect_attempts \
         WHERE kept_tokens IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT 20"
    ));
    let rows = sql(select).bind(now.unix()).all(db).await?;
    rows.iter().map(|row| Ok((TokenHash::stored(row.get("state_hash")?), read_kept(row)?))).collect()
}

fn read_kept(row: &Row) -> Result<Kept, db::Error> {
    Ok(Kept {
        tokens: Sealed(row.get("kept_tokens")?),
        identity: row.get("kept_identity")?,
        attempt: read(row)?,
        created_at: Timestamp::from_unix(row.get("created_at")?),
    })
}

/// The consent has ended, well or not, unless the person is still to decide about it.
pub async fn end(db: &Db, state: &TokenHash) -> Result<(), db::Error> {
    let update = "UPDATE connect_attempts SET status = 'ended' WHERE state_hash = $1 AND status = 'used'";
    sql(update).bind(state.as_str()).execute(db).await.map(drop)
}

/// Whether a consent of this person for this app has begun and not ended, other than `but`.
pub async fn is_connecting(
    db: &Db,
    account_id: &str,
    app_id: &str,
    but: Option<&TokenHash>,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let select = "SELECT state_hash FROM connect_attempts WHERE account_id = $1 AND app_id = $2 \
        AND status <> 'ended' AND expires_at > $3 AND state_hash <> $4 LIMIT 1";
    let row = sql(select)
        .bind(account_id)
        .bind(app_id)
        .bind(now.unix())
        .bind(but.map_or("", TokenHash::as_str))
        .optional(db)
        .await?;
    Ok(row.is_some())
}

/// The sealed verifiers of `limit` running consents behind `after`, by the hash of their state, and what is kept of them.
pub async fn verifiers(
    db: &Db,
    after: &str,
    limit: i64,
) -> Result<Vec<(TokenHash, Sealed, Option<Sealed>)>, db::Error> {
    let select = "SELECT state_hash, verifier, kept_tokens FROM connect_attempts WHERE state_hash > $1 \
        ORDER BY state_hash LIMIT $2";
    let rows = sql(select).bind(after).bind(limit).all(db).await?;
    let read = |row: &Row| {
        let kept: Option<String> = row.get("kept_tokens")?;
        let hash = TokenHash::stored(row.get("state_hash")?);
        Ok((hash, Sealed(row.get("verifier")?), kept.map(Sealed)))
    };
    rows.iter().map(read).collect()
}

pub async fn sweep(db: &Db, now: Timestamp) -> Result<(), db::Error> {
    let over = "SELECT state_hash FROM connect_attempts WHERE expires_at <= $1 AND kept_tokens IS NULL";
    let delete =
        "DELETE FROM connect_attempts WHERE state_hash = $1 AND expires_at <= $2 AND kept_tokens IS NULL";
    db.delete_each(sql(over).bind(now.unix()), delete, now).await.map(drop)
}

/// Nobody decides about those of an account any more: what one brought is dropped as ever, and its issuer told.
pub async fn forget(transaction: &mut DbConnection, account_id: &str) -> Result<(), db::Error> {
    let update = sql("UPDATE connect_attempts SET expires_at = 0 WHERE account_id = $1").bind(account_id);
    update.execute(transaction).await.map(drop)
}
