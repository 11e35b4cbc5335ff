//! The SQL of a refresh: lease, fence and intent, and how it ended. Each change of state is one statement; the
//! ledger's row follows it in the same transaction, and only if it changed its one row.

use super::protocol::Lease;
use super::set_back::{Setback, settled, wait_for_a_usable_token};
use crate::Broker;
use crate::clock::{Millis, Timestamp};
use crate::connection::due;
use crate::connection::due::DEFAULT_MIN_TTL;
use crate::connection::held::changed;
use crate::connection::status::{Flaw, Status};
use crate::connection::store::{LIVE, bind_tokens, text};
use crate::connection::{Connection, SealedTokens};
use crate::db::{self, Constants, Db, Row, sql};
use crate::ledger::{self, Action, Entry};
use crate::vault::Sealed;

/// A lease that is to be written.
pub struct Leasing {
    pub now: Millis,
    pub until: Timestamp,
    /// When somebody looks at it if it does not end by itself; None for when asking again does no harm any more, which
    /// is when the access token has run out too.
    pub looked_at: Option<Timestamp>,
    /// The number of our lock, by which others see whether we live.
    pub lock: Option<i64>,
    /// The fence of a lease that it takes over.
    pub over: Option<i64>,
}

/// Lease, fence and intent in one statement, durable before the first byte goes out. None when another holds
/// it or the row has moved on. A lease that ended with its intent open leaves doubt behind, and the moment since when
/// its token may have been spent, which is told too.
pub async fn lease(
    broker: &Broker,
    seen: &Connection,
    leasing: &Leasing,
) -> Result<Option<(Lease, Millis)>, db::Error> {
    let Leasing { now: begins, until, looked_at, lock, over } = leasing;
    let now = begins.second();
    let update = "UPDATE connections SET status = 'refreshing', \
            cause = CASE WHEN intent_generation = generation THEN 'rotation_lost' ELSE NULL END, \
            fence = fence + 1, lease_until = $3, lease_holder = $4, \
            intent_at = CASE WHEN intent_generation = generation THEN COALESCE(intent_at, $5) ELSE $5 END, \
            intent_millis = CASE WHEN intent_generation = generation THEN intent_millis ELSE $6 END, \
            intent_generation = generation, updated_at = $5, \
            refresh_due_at = CASE WHEN access_expires_at > $7 THEN access_expires_at ELSE $8 END \
        WHERE id = $1 AND generation = $2 AND status NOT IN ('needs_reconnect', 'revoking', 'revoked') \
            AND refresh_token IS NOT NULL AND (lease_until IS NULL OR lease_until <= $9 OR fence = $10) \
            AND (retry_at IS NULL OR retry_at <= $5) \
        RETURNING fence, failures, intent_at, COALESCE(intent_millis, 0) AS intent_millis, CASE WHEN cause = 'rotation_lost' THEN 'yes' ELSE 'no' END AS doubted";
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction, &seen.id, None);
    let row = sql(update)
        .bind(&seen.id)
        .bind(seen.generation)
        .bind(until.unix())
        .bind(*lock)
        .bind(now.unix())
        .bind(begins.part())
        .bind(looked_at.map_or(until.unix(), |_| i64::MAX))
        .bind(looked_at.unwrap_or_else(|| end_of_life(seen, *until)).unix())
        // Alone on its database, this process knows that whoever left a lease behind is dead: of one connection it
        // never has two flights.
        .bind(if broker.replica.is_only() { i64::MAX } else { now.unix() })
        // No lease has a fence below 1.
        .bind(over.unwrap_or(0))
        .optional(&mut *transaction)
        .await?;
    // A commit of its own: an UPDATE that returns rows hides a commit that failed.
    transaction.commit().await?;
    row.map(|row| {
        let doubted: String = row.get("doubted")?;
        let spent_at = Millis::of(Timestamp::from_unix(row.get("intent_at")?), row.get("intent_millis")?);
        let lease =
            Lease { fence: row.get("fence")?, doubted: doubted == "yes", failures: row.get("failures")? };
        Ok((lease, spent_at))
    })
    .transpose()
}

/// When asking again does no harm, where the row does not say when the access token ends.
fn end_of_life(seen: &Connection, until: Timestamp) -> Timestamp {
    let unknown = seen.access_token.is_some() && seen.access_expires_at.is_none();
    if unknown { until.plus(due::UNKNOWN_LIFE) } else { until }
}

/// A lease that stands in a row.
pub struct Leased {
    pub fence: i64,
    /// The number of its holder's lock, where that has one.
    pub holder: Option<i64>,
    /// Since when the token may have been spent.
    pub intent_at: Millis,
}

/// The lease of what was seen; None when it has run out or the row has moved on.
pub async fn leased(db: &Db, seen: &Connection, now: Timestamp) -> Result<Option<Leased>, db::Error> {
    let select = "SELECT fence, lease_holder, COALESCE(intent_at, 0) AS intent_at, \
            COALESCE(intent_millis, 0) AS intent_millis FROM connections \
        WHERE id = $1 AND generation = $2 AND lease_until > $3";
    let query = sql(select).bind(&seen.id).bind(seen.generation).bind(now.unix());
    let read = |row: Row| {
        Ok(Leased {
            fence: row.get("fence")?,
            holder: row.get("lease_holder")?,
            intent_at: Millis::of(Timestamp::from_unix(row.get("intent_at")?), row.get("intent_millis")?),
        })
    };
    query.optional(db).await?.map(read).transpose()
}

/// Whether a row still bears the fence of our lease.
pub async fn bears(db: &Db, id: &str, fence: i64) -> Result<bool, db::Error> {
    let select = "SELECT id FROM connections WHERE id = $1 AND fence = $2";
    Ok(sql(select).bind(id).bind(fence).optional(db).await?.is_some())
}

/// Stores what a refresh brought, ends lease and intent, and moves the fence, so that whoever else was refreshing
/// this generation can no longer write. What is wrong with it decides where it leaves the connection. It counts by the generation alone: who spent a generation's token holds
/// its only successor, whatever became of the lease. But where the fence has moved, somebody else may have presented
/// the same spent token after it, and a strict issuer takes that for theft: what was stored is in doubt until it has
/// worked, and nobody begins before the other's lease is over. False when the row is of another generation or not live.
pub async fn commit_refresh(
    broker: &Broker,
    seen: &Connection,
    fence: i64,
    tokens: &SealedTokens,
    entry: &Entry,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let update = Constants(format!(
        "UPDATE connections AS c SET status = CASE WHEN fence = $10 THEN $11 ELSE $12 END, \
            cause = $13, \
            previous_access_token_hash = CASE WHEN access_token_hash = $18 THEN previous_access_token_hash \
                ELSE access_token_hash END, \
            previous_access_expires_at = CASE WHEN access_token_hash = $18 THEN previous_access_expires_at \
                ELSE access_expires_at END, \
            previous_access_generation = CASE WHEN access_token_hash = $18 THEN previous_access_generation \
                ELSE access_generation END, \
            access_generation = CASE WHEN access_token_hash = $18 THEN access_generation ELSE generation + 1 END, \
            previous_refresh_token = refresh_token, \
            access_token = $3, access_token_hash = $4, access_expires_at = $5, refresh_token = $6, \
            granted_scopes = $7, token_type = $8, generation = generation + 1, fence = fence + 1, \
            lease_until = CASE WHEN fence = $10 THEN NULL ELSE lease_until END, \
            intent_generation = CASE WHEN fence = $14 THEN NULL ELSE generation + 1 END, \
            intent_at = CASE WHEN fence = $14 THEN NULL ELSE COALESCE(intent_at, $9) END, \
            retry_at = $15, failures = $16, refusals = 0, refused_since = NULL, refreshed_at = $9, updated_at = $9, \
            refresh_due_at = $17, refresh_expires_at = COALESCE($19, refresh_expires_at) \
        WHERE id = $1 AND generation = $2 AND {LIVE}"
    ));
    let (status, cause) = settled(tokens.flaw);
    let rivalled = if status == Status::NeedsReconnect { status } else { Status::InDoubt };
    // What was presented may be spent: whoever presents it next must know.
    let certain = if tokens.flaw == Some(Flaw::RefreshToken) { NO_FENCE } else { fence };
    let unusable = matches!(tokens.flaw, Some(Flaw::AccessToken | Flaw::RefreshToken));
    let wait = unusable.then(|| wait_for_a_usable_token(seen.failures));
    let same = tokens.access_token_hash.as_ref().map(|hash| hash.as_str().to_owned());
    let from = broker.db.lease_now(&broker.clock).await?;
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction, &seen.id, tokens.access_token_hash.as_ref());
    transaction.count();
    let done = bind_tokens(sql(update).bind(&seen.id).bind(seen.generation), tokens)
        .bind(now.unix())
        .bind(fence)
        .bind(<&str>::from(status))
        .bind(<&str>::from(rivalled))
        .bind(cause.map(<&str>::from))
        .bind(certain)
        .bind(wait.map(|seconds| from.plus(seconds).unix()))
        .bind(if unusable { seen.failures + 1 } else { 0 })
        .bind(due::due_at(&seen.id, seen.generation + 1, tokens, now).map(Timestamp::unix))
        // The same access token as before is what was handed out before.
        .bind(same)
        .bind(tokens.refresh_expires_at.map(Timestamp::unix))
        .execute(&mut *transaction)
        .await?;
    if done != 1 {
        return Ok(false);
    }
    let action = if status == Status::NeedsReconnect { Action::NeedsReconnect } else { Action::Refreshed };
    ledger::append(&mut transaction, &broker.ledger, action, entry, now).await?;
    transaction.commit().await?;
    Ok(true)
}

/// No row has this one.
const NO_FENCE: i64 = -1;

/// The refresh token that the present one replaced, while the row is as it was seen.
pub async fn previous_refresh_token(db: &Db, seen: &Connection) -> Result<Option<Sealed>, db::Error> {
    let select = "SELECT previous_refresh_token FROM connections WHERE id = $1 AND generation = $2";
    let row = sql(select).bind(&seen.id).bind(seen.generation).optional(db).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(row.get::<Option<String>>("previous_refresh_token")?.map(Sealed))
}

/// Writes down a refresh that failed. Does nothing when the fence has moved.
pub async fn fail_refresh(
    broker: &Broker,
    seen: &Connection,
    fence: i64,
    setback: &Setback,
    action: Action,
    entry: &Entry,
    now: Timestamp,
) -> Result<(), db::Error> {
    let update = "UPDATE connections SET status = $3, cause = $4, lease_until = NULL, \
            intent_generation = CASE WHEN $5 = 'open' THEN generation ELSE NULL END, \
            intent_at = CASE WHEN $5 = 'open' THEN intent_at ELSE NULL END, \
            retry_at = $6, refresh_due_at = $7, failures = failures + 1, updated_at = $8, \
            refusals = refusals + $9, \
            refused_since = CASE WHEN $9 = 0 THEN refused_since ELSE COALESCE(refused_since, $8) END \
        WHERE id = $1 AND fence = $2 AND status = 'refreshing'";
    let intent = if setback.in_doubt { "open" } else { "closed" };
    let from = broker.db.lease_now(&broker.clock).await?;
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction, &seen.id, None);
    let done = sql(update)
        .bind(&seen.id)
        .bind(fence)
        .bind(<&str>::from(setback.status))
        .bind(setback.cause.map(<&str>::from))
        .bind(intent)
        // By the clock that will judge it: one replica's wrong clock must not keep all the others waiting.
        .bind(setback.wait.map(|seconds| from.plus(seconds).unix()))
        .bind(setback.wait.map(|seconds| now.plus(seconds).unix()))
        .bind(now.unix())
        .bind(i64::from(setback.refused))
        .execute(&mut *transaction)
        .await?;
    if done == 1 {
        ledger::append(&mut transaction, &broker.ledger, action, entry, now).await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// Waits before the next attempt, though nothing was sent.
pub async fn postpone(
    broker: &Broker,
    seen: &Connection,
    now: Timestamp,
    wait: i64,
) -> Result<(), db::Error> {
    let update = "UPDATE connections SET \
            status = CASE WHEN status = 'active' AND access_expires_at <= $5 THEN 'backoff' ELSE status END, \
            retry_at = $3, updated_at = $4 \
        WHERE id = $1 AND generation = $2 AND lease_until IS NULL AND (retry_at IS NULL OR retry_at <= $6) \
            AND status NOT IN ('needs_reconnect', 'revoking', 'revoked')";
    let from = broker.db.lease_now(&broker.clock).await?;
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction, &seen.id, None);
    sql(update)
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
pub async fn keep_late(broker: &Broker, seen: &Connection, late: Option<&Sealed>) -> Result<bool, db::Error> {
    // The access token is the spent one's, sealed for its generation: of the two, the issuer is to be told of the new one.
    let update = "UPDATE connections SET lease_until = NULL, refresh_token = COALESCE($3, refresh_token), \
            access_token = CASE WHEN $4 = 0 THEN access_token ELSE NULL END, generation = generation + $4 \
        WHERE id = $1 AND generation = $2 AND status = 'revoking'";
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction, &seen.id, None);
    let done = sql(update)
        .bind(&seen.id)
        .bind(seen.generation)
        .bind(text(late))
        .bind(i64::from(late.is_some()))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(done == 1)
}
