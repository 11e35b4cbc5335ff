//! The SQL of a refresh: lease, fence and intent, and how it ended. Each change of state is one statement; the
//! ledger's row follows it in the same transaction, and only if it changed its one row.

use sqlx::Row;

use super::protocol::Lease;
use crate::App;
use crate::clock::Timestamp;
use crate::connection::access::DEFAULT_MIN_TTL;
use crate::connection::early;
use crate::connection::held::changed;
use crate::connection::state::Setback;
use crate::connection::store::{bind_tokens, text};
use crate::connection::{Connection, SealedTokens};
use crate::db::Db;
use crate::ledger::{self, Action, Entry};
use crate::vault::Sealed;

/// Lease, fence and intent in one statement, durable before the first byte goes out. None when another holds
/// it or the row has moved on. A lease that ran out with its intent open leaves doubt behind; should this one, it is
/// looked at as soon as asking again does no harm any more: when the access token has run out too.
pub async fn lease(
    app: &App,
    seen: &Connection,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Lease>, sqlx::Error> {
    let update = "UPDATE connections SET status = 'refreshing', \
            cause = CASE WHEN intent_generation = generation THEN 'rotation_lost' ELSE NULL END, \
            fence = fence + 1, lease_until = $3, intent_generation = generation, intent_at = $4, updated_at = $5, \
            refresh_due_at = CASE WHEN access_expires_at > $8 THEN access_expires_at ELSE $9 END \
        WHERE id = $1 AND generation = $2 AND status NOT IN ('needs_reconnect', 'revoking', 'revoked') \
            AND refresh_token IS NOT NULL AND (lease_until IS NULL OR lease_until <= $6) \
            AND (retry_at IS NULL OR retry_at <= $7) \
        RETURNING fence, failures, CASE WHEN cause = 'rotation_lost' THEN 'yes' ELSE 'no' END AS doubted";
    let mut transaction = app.db.begin().await?;
    changed(app, &mut transaction, &seen.id, None);
    let row = sqlx::query(update)
        .bind(&seen.id)
        .bind(seen.generation)
        .bind(until.unix())
        .bind(now.unix())
        .bind(now.unix())
        // Alone on its database, this process knows that whoever left a lease behind is dead: of one connection it
        // never has two flights.
        .bind(if app.db.is_alone() { i64::MAX } else { now.unix() })
        .bind(now.unix())
        .bind(until.unix())
        .bind(until.unix())
        .fetch_optional(&mut *transaction)
        .await?;
    // A commit of its own: an UPDATE that returns rows hides a commit that failed.
    transaction.commit().await?;
    row.map(|row| {
        let doubted: String = row.try_get("doubted")?;
        Ok(Lease {
            fence: row.try_get("fence")?,
            doubted: doubted == "yes",
            failures: row.try_get("failures")?,
        })
    })
    .transpose()
}

/// Stores what a refresh brought, ends lease and intent, and moves the fence, so that whoever else was refreshing
/// this generation can no longer write. It counts by the generation alone: who spent a generation's token holds
/// its only successor, whatever became of the lease. But where the fence has moved, somebody else may have presented
/// the same spent token after it, and a strict issuer takes that for theft: what was stored is in doubt until it has
/// worked, and nobody begins before the other's lease is over. False when the row is of another generation or not live.
pub async fn commit_refresh(
    app: &App,
    seen: &Connection,
    fence: i64,
    tokens: &SealedTokens,
    entry: &Entry,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let update = "UPDATE connections SET status = CASE WHEN fence = $10 THEN 'active' ELSE 'in_doubt' END, \
            cause = NULL, previous_access_token_hash = access_token_hash, previous_access_expires_at = access_expires_at, \
            previous_refresh_token = refresh_token, \
            access_token = $3, access_token_hash = $4, access_expires_at = $5, refresh_token = $6, \
            granted_scopes = $7, generation = generation + 1, fence = fence + 1, \
            lease_until = CASE WHEN fence = $13 THEN NULL ELSE lease_until END, \
            intent_generation = CASE WHEN fence = $11 THEN NULL ELSE generation + 1 END, \
            intent_at = CASE WHEN fence = $12 THEN NULL ELSE intent_at END, \
            retry_at = NULL, failures = 0, refreshed_at = $8, updated_at = $9, refresh_due_at = $14 \
        WHERE id = $1 AND generation = $2 AND status NOT IN ('revoking', 'revoked')";
    let mut transaction = app.db.begin().await?;
    changed(app, &mut transaction, &seen.id, tokens.access_token_hash.as_ref());
    transaction.count();
    let done = bind_tokens(sqlx::query(update).bind(&seen.id).bind(seen.generation), tokens)
        .bind(now.unix())
        .bind(now.unix())
        .bind(fence)
        .bind(fence)
        .bind(fence)
        .bind(fence)
        .bind(early::due_at(&seen.id, seen.generation + 1, tokens, now).map(Timestamp::unix))
        .execute(&mut *transaction)
        .await?;
    if done.rows_affected() != 1 {
        return Ok(false);
    }
    ledger::append(&mut transaction, &app.ledger, Action::Refreshed, entry, now).await?;
    transaction.commit().await?;
    Ok(true)
}

/// The refresh token that the present one replaced, while the row is as it was seen.
pub async fn previous_refresh_token(db: &Db, seen: &Connection) -> Result<Option<Sealed>, sqlx::Error> {
    let select = "SELECT previous_refresh_token FROM connections WHERE id = $1 AND generation = $2";
    let row = sqlx::query(select).bind(&seen.id).bind(seen.generation).fetch_optional(&db.pool).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(row.try_get::<Option<String>, _>("previous_refresh_token")?.map(Sealed))
}

/// Writes down a refresh that failed. Does nothing when the fence has moved.
pub async fn fail_refresh(
    app: &App,
    seen: &Connection,
    fence: i64,
    setback: &Setback,
    action: Action,
    entry: &Entry,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let update = "UPDATE connections SET status = $3, cause = $4, lease_until = NULL, \
            intent_generation = CASE WHEN $5 = 'open' THEN generation ELSE NULL END, \
            intent_at = CASE WHEN $6 = 'open' THEN intent_at ELSE NULL END, \
            retry_at = $7, refresh_due_at = $8, failures = failures + 1, updated_at = $9 \
        WHERE id = $1 AND fence = $2 AND status = 'refreshing'";
    let intent = if setback.in_doubt { "open" } else { "closed" };
    let from = app.db.lease_now(&app.clock).await?;
    let mut transaction = app.db.begin().await?;
    changed(app, &mut transaction, &seen.id, None);
    let done = sqlx::query(update)
        .bind(&seen.id)
        .bind(fence)
        .bind(<&str>::from(setback.status))
        .bind(setback.cause.map(<&str>::from))
        .bind(intent)
        .bind(intent)
        // By the clock that will judge it: one replica's wrong clock must not keep all the others waiting.
        .bind(setback.wait.map(|seconds| from.plus(seconds).unix()))
        .bind(setback.wait.map(|seconds| now.plus(seconds).unix()))
        .bind(now.unix())
        .execute(&mut *transaction)
        .await?;
    if done.rows_affected() == 1 {
        ledger::append(&mut transaction, &app.ledger, action, entry, now).await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// Waits before the next attempt, though nothing was sent.
pub async fn postpone(app: &App, seen: &Connection, now: Timestamp, wait: i64) -> Result<(), sqlx::Error> {
    let update = "UPDATE connections SET \
            status = CASE WHEN status = 'active' AND access_expires_at <= $5 THEN 'backoff' ELSE status END, \
            retry_at = $3, updated_at = $4 \
        WHERE id = $1 AND generation = $2 AND lease_until IS NULL AND (retry_at IS NULL OR retry_at <= $6) \
            AND status NOT IN ('needs_reconnect', 'revoking', 'revoked')";
    let from = app.db.lease_now(&app.clock).await?;
    let mut transaction = app.db.begin().await?;
    changed(app, &mut transaction, &seen.id, None);
    sqlx::query(update)
        .bind(&seen.id)
        .bind(seen.generation)
        .bind(from.plus(wait).unix())
        .bind(now.unix())
        .bind(now.plus(DEFAULT_MIN_TTL).unix())
        // Who waits for longer, for the operator's word perhaps, goes on waiting.
        .bind(from.unix())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

/// A refresh that was under way when its connection was revoked has ended: its lease is over, and the token it
/// brought, if any, takes the place of the spent one until the issuer has been told. False when the row is not
/// waiting for that.
pub async fn keep_late(app: &App, seen: &Connection, late: Option<&Sealed>) -> Result<bool, sqlx::Error> {
    // The access token is the spent one's, sealed for its generation: of the two, the issuer is to be told of the new one.
    let update = "UPDATE connections SET lease_until = NULL, refresh_token = COALESCE($3, refresh_token), \
            access_token = CASE WHEN $4 = 0 THEN access_token ELSE NULL END, generation = generation + $5 \
        WHERE id = $1 AND generation = $2 AND status = 'revoking'";
    let mut transaction = app.db.begin().await?;
    changed(app, &mut transaction, &seen.id, None);
    let done = sqlx::query(update)
        .bind(&seen.id)
        .bind(seen.generation)
        .bind(text(late))
        .bind(i64::from(late.is_some()))
        .bind(i64::from(late.is_some()))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(done.rows_affected() == 1)
}
