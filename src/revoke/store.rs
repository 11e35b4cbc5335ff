//! What is still to be told to issuers: written with the revoke, taken out when the issuer confirmed. Holds no
//! secret; the token to be revoked stays sealed in its connection.

use super::unused_refresh_token;
use crate::Broker;
use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::connection::held::changed;
use crate::connection::status::Cause;
use crate::connection::store::LIVE;
use crate::db::write::Transaction;
use crate::db::{self, Constants, Db, DbConnection, Row, sql};
use crate::issuer::revoke::Told;
use crate::ledger::{self, Action, Entry};
use crate::secret::random_id;

/// When an issuer is told next, and how often it was.
#[derive(Clone, Debug)]
pub struct Task {
    pub attempts: i64,
    pub next_at: Timestamp,
    /// What became of the last attempt.
    pub last_error: Option<String>,
    pub created_at: Timestamp,
}

/// What was handed out before and cannot be called back: it ends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Out {
    /// Access tokens and content tokens.
    pub tokens: i64,
    /// When the last one ends, in Unix seconds; None when one of them has no end that is known.
    pub until: Option<i64>,
}

/// Which connections are meant, judged by the statement that ends one.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    Any,
    /// Not those whose person agreed again at this moment or later: that is another grant.
    GrantedBefore(Timestamp),
    /// Those whose person said so when they agreed, unless they changed it.
    WhoseTimeIsOver,
}

/// How many are told at once.
const BATCH: i64 = 50;

/// Whom a person's live connections of an app are at its issuer; empty for nobody who was named.
pub async fn live_subjects(db: &Db, account_id: &str, app_id: &str) -> Result<Vec<String>, db::Error> {
    let select = Constants(format!(
        "SELECT external_subject FROM connections c \
        WHERE app_id = $1 AND account_id = $2 AND {LIVE}"
    ));
    let rows = sql(select).bind(app_id).bind(account_id).all(db).await?;
    rows.iter().map(|row| row.get("external_subject")).collect()
}

/// What of a connection that was just ended is still good somewhere.
pub async fn handed_out(
    transaction: &mut DbConnection,
    seen: &Connection,
    now: Timestamp,
) -> Result<Out, db::Error> {
    let row = "SELECT generation, access_expires_at FROM connections WHERE id = $1";
    let row = sql(row).bind(&seen.id).one(&mut *transaction).await?;
    let (generation, expires): (i64, Option<i64>) = (row.get("generation")?, row.get("access_expires_at")?);
    let previous =
        if generation == seen.generation { seen.previous_access_expires_at } else { seen.access_expires_at };
    let used = "SELECT DISTINCT generation FROM ledger WHERE connection_id = $1 AND action = 'hand_out' \
        AND environment_id IS NULL AND generation >= $2";
    let used = sql(used).bind(&seen.id).bind(generation - 1).all(&mut *transaction).await?;
    let minted = "SELECT COUNT(*) AS tokens, MAX(expires_at) AS until FROM content_tokens \
        WHERE connection_id = $1 AND expires_at > $2";
    let minted = sql(minted).bind(&seen.id).bind(now.unix()).one(&mut *transaction).await?;
    let mut out = Out { tokens: minted.get("tokens")?, until: minted.get("until")? };
    let mut endless = false;
    for row in used {
        let ends = match row.get::<i64>("generation")? {
            current if current == generation => expires,
            _ => Some(previous.map_or(now.unix(), Timestamp::unix)),
        };
        if ends.is_none_or(|ends| ends > now.unix()) {
            out.tokens += 1;
            out.until = out.until.max(ends);
            endless |= ends.is_none();
        }
    }
    Ok(Out { until: out.until.filter(|_| !endless), ..out })
}

/// What was written down of it with the revoke.
pub async fn out(db: &Db, connection_id: &str) -> Result<Out, db::Error> {
    let select = "SELECT detail FROM ledger WHERE connection_id = $1 AND action = 'revoke_requested' \
        ORDER BY seq DESC LIMIT 1";
    let row = sql(select).bind(connection_id).optional(db).await?;
    let detail: Option<String> = row.map(|row| row.get("detail")).transpose()?.flatten();
    let detail: Option<serde_json::Value> = detail.and_then(|detail| serde_json::from_str(&detail).ok());
    let out = detail.and_then(|detail| serde_json::from_value(detail["out"].clone()).ok());
    Ok(out.unwrap_or_default())
}

/// Written as claimed by this process, which tells the issuer itself right after the commit.
pub async fn enqueue(
    transaction: &mut DbConnection,
    connection: &Connection,
    now: Timestamp,
    claim: i64,
) -> Result<(), db::Error> {
    let insert = "INSERT INTO outbox (id, kind, connection_id, subject, status, attempts, next_at, created_at) \
        VALUES ($1, 'revoke', $2, $3, 'pending', 0, $4, $5)";
    sql(insert)
        .bind(format!("ob_{}", random_id::<20>()))
        .bind(&connection.id)
        .bind(&connection.external.subject)
        .bind(now.plus(claim).unix())
        .bind(now.unix())
        .execute(transaction)
        .await
        .map(drop)
}

/// What is still to be told of a connection.
pub async fn task(db: &Db, connection_id: &str) -> Result<Option<Task>, db::Error> {
    let select = "SELECT attempts, next_at, last_error, created_at FROM outbox \
        WHERE connection_id = $1 AND kind = 'revoke' AND status <> 'done'";
    let row = sql(select).bind(connection_id).optional(db).await?;
    let read = |row: Row| {
        Ok(Task {
            attempts: row.get("attempts")?,
            next_at: Timestamp::from_unix(row.get("next_at")?),
            last_error: row.get("last_error")?,
            created_at: Timestamp::from_unix(row.get("created_at")?),
        })
    };
    row.map(read).transpose()
}

/// The request is about to be sent; whoever tells is taken for lost after `until`. False when there is nothing to be
/// told any more.
pub async fn begin_telling(db: &Db, connection_id: &str, until: Timestamp) -> Result<bool, db::Error> {
    let update = "UPDATE outbox SET status = 'telling', next_at = $2 \
        WHERE connection_id = $1 AND kind = 'revoke' AND status <> 'done'";
    let done = sql(update).bind(connection_id).bind(until.unix()).execute(db).await?;
    Ok(done == 1)
}

/// Whether an issuer is being told right now of a connection of this person and app.
pub async fn is_being_told(
    db: &Db,
    account_id: &str,
    app_id: &str,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let select = "SELECT o.id FROM outbox o JOIN connections c ON c.id = o.connection_id \
        WHERE o.status = 'telling' AND o.next_at > $1 AND c.account_id = $2 AND c.app_id = $3 LIMIT 1";
    let row = sql(select).bind(now.unix()).bind(account_id).bind(app_id).optional(db).await?;
    Ok(row.is_some())
}

pub async fn done(db: &Db, connection_id: &str, now: Timestamp) -> Result<(), db::Error> {
    sql("UPDATE outbox SET status = 'done', attempts = attempts + 1, done_at = $2 \
         WHERE connection_id = $1 AND status <> 'done'")
    .bind(connection_id)
    .bind(now.unix())
    .execute(db)
    .await
    .map(drop)
}

/// The connections whose issuers are to be told now. Each is claimed by one replica, for so many seconds.
pub async fn claim_due(db: &Db, now: Timestamp, claim: i64) -> Result<Vec<String>, db::Error> {
    let mut claimed = Vec::new();
    // One by one, so that each is a range of the index: what was done is most of the table.
    for status in ["pending", "telling"] {
        let select = "SELECT id FROM outbox WHERE status = $1 AND kind = 'revoke' AND next_at <= $2 \
            ORDER BY next_at LIMIT $3";
        let due = sql(select).bind(status).bind(now.unix()).bind(BATCH).all(db).await?;
        let mut ids: Vec<String> = due.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?;
        if ids.is_empty() {
            continue;
        }
        ids.sort();
        let update = "UPDATE outbox SET next_at = $1 WHERE id = $2 AND status = $3 AND next_at <= $4 \
            RETURNING connection_id";
        let mut transaction = db.begin().await?;
        for id in ids {
            let update = sql(update).bind(now.plus(claim).unix()).bind(id).bind(status);
            // None when another process was quicker.
            if let Some(row) = update.bind(now.unix()).optional(&mut *transaction).await? {
                claimed.push(row.get("connection_id")?);
            }
        }
        transaction.commit().await?;
    }
    Ok(claimed)
}

/// To be told again at this moment, because of what became of it.
pub async fn failed(db: &Db, connection_id: &str, said: &str, next_at: Timestamp) -> Result<(), db::Error> {
    let update = "UPDATE outbox SET status = 'pending', attempts = attempts + 1, last_error = $2, next_at = $3 \
        WHERE connection_id = $1 AND status <> 'done'";
    let update = sql(update).bind(connection_id).bind(said).bind(next_at.unix());
    update.execute(db).await.map(drop)
}

/// To be told at this moment, and no attempt counted.
pub async fn defer(db: &Db, connection_id: &str, until: Timestamp) -> Result<(), db::Error> {
    let update =
        "UPDATE outbox SET status = 'pending', next_at = $2 WHERE connection_id = $1 AND status <> 'done'";
    sql(update).bind(connection_id).bind(until.unix()).execute(db).await.map(drop)
}

/// Ends a live connection here, in one statement: no token can be handed out from it any more, and a refresh in
/// flight cannot make it live again. What the issuer is to be told of stays sealed until it has been told: the refresh
/// token, and the access token for where it revokes no other. False when it was not live, or is not one of those that are
/// meant.
pub async fn begin_revoke(
    broker: &Broker,
    transaction: &mut Transaction,
    id: &str,
    which: Which,
    now: Timestamp,
) -> Result<bool, db::Error> {
    changed(broker, transaction, id, None);
    transaction.count();
    let (condition, moment) = match which {
        Which::Any => ("consented_at < $3", Timestamp::from_unix(i64::MAX)),
        Which::GrantedBefore(moment) => ("consented_at < $3", moment),
        Which::WhoseTimeIsOver => ("consent_expires_at <= $3", now),
    };
    // The lease stays: a refresh under way brings a token that the issuer must be told of too.
    let update = Constants(format!(
        "UPDATE connections AS c SET status = 'revoking', cause = NULL, fence = fence + 1, \
            intent_generation = NULL, intent_at = NULL, retry_at = NULL, refresh_due_at = NULL, \
            access_token_hash = NULL, previous_access_token_hash = NULL, previous_access_expires_at = NULL, \
            previous_refresh_token = NULL, revoked_at = $2, updated_at = $2 \
        WHERE id = $1 AND {LIVE} AND {condition}"
    ));
    let done = sql(update).bind(id).bind(now.unix()).bind(moment.unix()).execute(&mut **transaction).await?;
    Ok(done == 1)
}

/// The issuer was told, or there is nobody to tell: the secrets are destroyed, and their key with them.
pub async fn finish_revoke(
    broker: &Broker,
    connection: &Connection,
    told: Told,
    entry: &Entry,
    now: Timestamp,
) -> Result<(), db::Error> {
    let update = "UPDATE connections SET status = 'revoked', access_token = NULL, refresh_token = NULL, \
            data_kid = NULL, lease_until = NULL, cause = $2, revoked_upstream_at = $3, updated_at = $4 \
        WHERE id = $1 AND status = 'revoking'";
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction, &connection.id, None);
    let done = sql(update)
        .bind(&connection.id)
        .bind(ended_here_only(told).map(<&str>::from))
        .bind((told == Told::Confirmed).then(|| now.unix()))
        .bind(now.unix())
        .execute(&mut *transaction)
        .await?;
    if done != 1 {
        return Ok(());
    }
    unused_refresh_token::store::forget_all(&mut transaction, &connection.id).await?;
    if let Some(key) = &connection.data_key {
        crate::vault::destroy(&mut transaction, &key.kid).await?;
    }
    if told == Told::Confirmed {
        ledger::append(&mut transaction, &broker.ledger, Action::RevokeConfirmed, entry, now).await?;
    }
    transaction.commit().await
}

/// Why the issuer did not confirm, where it could have.
const fn ended_here_only(told: Told) -> Option<Cause> {
    match told {
        Told::Confirmed | Told::Unsupported => None,
        Told::Withheld => Some(Cause::SharedGrant),
        Told::Unconfirmed => Some(Cause::Unconfirmed),
    }
}
