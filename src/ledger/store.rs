//! The SQL of `ledger`.

use serde_json::Value;
use sqlx::Row;

use super::hand_out::Counted;
use super::{Action, Entry, Ledger};
use crate::clock::Timestamp;
use crate::connection::life::BETWEEN_REFRESHES;
use crate::db::victim::gave_way;
use crate::db::{Db, DbConnection, named};

/// How often it is tried when a number is taken, or somebody is in the way.
const ATTEMPTS: usize = 8;

/// Adds an entry; in the transaction of what it tells, when there is one.
pub async fn append(
    connection: &mut DbConnection,
    ledger: &Ledger,
    action: Action,
    entry: &Entry,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO ledger (seq, at, action, actor, account_id, app_id, connection_id, caller_id, times, \
            last_at, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10) ON CONFLICT (seq) DO NOTHING";
    // What is told of must not fail because another replica took the number.
    for _ in 0..ATTEMPTS {
        let done = sqlx::query(insert)
            .bind(ledger.next_seq(now))
            .bind(now.unix())
            .bind(<&str>::from(action))
            .bind(entry.actor.clone())
            .bind(entry.account_id.clone())
            .bind(entry.app_id.clone())
            .bind(entry.connection_id.clone())
            .bind(entry.caller_id.clone())
            .bind(now.unix())
            .bind(entry.detail.as_ref().map(Value::to_string))
            .execute(&mut *connection)
            .await?;
        if done.rows_affected() == 1 {
            return Ok(());
        }
    }
    tracing::error!(action = <&str>::from(action), "an entry of the ledger found no number");
    Ok(())
}

pub async fn newest_at(db: &Db) -> Result<Option<Timestamp>, sqlx::Error> {
    let row = sqlx::query("SELECT at FROM ledger ORDER BY seq DESC LIMIT 1").fetch_optional(&db.pool).await?;
    row.map(|row| row.try_get("at").map(Timestamp::from_unix)).transpose()
}

/// Adds to the one row of each of these hand-outs, no two of which are of the same row; in their order, so that
/// replicas that count the same ones wait for each other in turn.
pub async fn add_hand_outs(db: &Db, ledger: &Ledger, mut counted: Vec<Counted>) -> Result<(), sqlx::Error> {
    counted.sort_by(|one, other| one.line.cmp(&other.line));
    let mut attempt = 1;
    loop {
        match try_add_hand_outs(db, ledger, &counted).await {
            Err(error) if attempt < ATTEMPTS && is_another_ones(&error) => {
                attempt += 1;
            }
            other => return other,
        }
    }
}

/// Another replica took a number, or was in the way; nothing of it was written.
fn is_another_ones(error: &sqlx::Error) -> bool {
    let taken = error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation);
    taken || gave_way(error)
}

async fn try_add_hand_outs(db: &Db, ledger: &Ledger, counted: &[Counted]) -> Result<(), sqlx::Error> {
    let mut transaction = db.begin().await?;
    for rows in in_powers_of_two(counted) {
        add_rows(&mut transaction, ledger, rows).await?;
    }
    transaction.commit().await
}

/// Few different lengths make few different statements, which a connection keeps prepared.
fn in_powers_of_two<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = 1 << rows.len().checked_ilog2()?;
        let (first, rest) = rows.split_at(length);
        rows = rest;
        Some(first)
    })
}

async fn add_rows(
    connection: &mut DbConnection,
    ledger: &Ledger,
    counted: &[Counted],
) -> Result<(), sqlx::Error> {
    let values = rows(counted.len(), 12, |at| {
        format!(
            "(${}, ${}, 'hand_out', ${}, ${}, ${}, ${}, ${}, ${}, ${}, ${}, ${}, ${})",
            at,
            at + 1,
            at + 2,
            at + 3,
            at + 4,
            at + 5,
            at + 6,
            at + 7,
            at + 8,
            at + 9,
            at + 10,
            at + 11
        )
    });
    // Only numbers of parameters are joined in.
    let upsert = sqlx::AssertSqlSafe(format!(
        "INSERT INTO ledger (seq, at, action, actor, account_id, app_id, connection_id, caller_id, \
            environment_id, generation, day, times, last_at) VALUES {values} \
        ON CONFLICT (caller_id, connection_id, generation, day, COALESCE(environment_id, '')) WHERE action = 'hand_out' \
        DO UPDATE SET times = ledger.times + excluded.times, \
            last_at = CASE WHEN excluded.last_at > ledger.last_at THEN excluded.last_at ELSE ledger.last_at END"
    ));
    let mut query = sqlx::query(upsert);
    for Counted { line, times, last_at } in counted {
        query = query
            .bind(ledger.next_seq(*last_at))
            .bind(last_at.unix())
            .bind(&line.caller_id)
            .bind(&line.account_id)
            .bind(&line.app_id)
            .bind(&line.connection_id)
            .bind(&line.caller_id)
            .bind(line.environment_id.clone())
            .bind(line.generation)
            .bind(line.day)
            .bind(*times)
            .bind(last_at.unix());
    }
    query.execute(connection).await.map(drop)
}

/// Tells these connections when they were last used, one after the other in their order: early refreshes claim them in the
/// same one.
pub async fn tell_last_use(db: &Db, used: &[(String, Timestamp)]) -> Result<(), sqlx::Error> {
    let mut attempt = 1;
    loop {
        match try_tell_last_use(db, used).await {
            Err(error) if attempt < ATTEMPTS && gave_way(&error) => attempt += 1,
            other => return other,
        }
    }
}

async fn try_tell_last_use(db: &Db, used: &[(String, Timestamp)]) -> Result<(), sqlx::Error> {
    // Nobody used it when its early refresh was due, so that was put off; now that somebody does, it is due, as soon as it
    // may be refreshed again.
    let update = "UPDATE connections SET last_used_at = $1, listed_at = $2, \
            refresh_due_at = CASE WHEN status = 'active' AND lease_until IS NULL AND refresh_token IS NOT NULL \
                    AND access_expires_at > $3 AND (refresh_due_at IS NULL OR refresh_due_at > access_expires_at) \
                THEN CASE WHEN refreshed_at + CAST($4 AS BIGINT) > $5 THEN refreshed_at + CAST($6 AS BIGINT) ELSE $7 END \
                ELSE refresh_due_at END \
         WHERE id = $8 AND (last_used_at IS NULL OR last_used_at < $9)";
    let mut transaction = db.begin().await?;
    for (id, at) in used {
        let at = at.unix();
        sqlx::query(update)
            .bind(at)
            .bind(at)
            .bind(at)
            .bind(BETWEEN_REFRESHES)
            .bind(at)
            .bind(BETWEEN_REFRESHES)
            .bind(at)
            .bind(id)
            .bind(at)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

/// `count` rows of a list of values, of `width` parameters each.
fn rows(count: usize, width: usize, row: impl Fn(usize) -> String) -> String {
    (0..count).map(|index| row(index * width + 1)).collect::<Vec<_>>().join(", ")
}

/// An entry as a connection's page shows it.
pub struct Line {
    pub seq: i64,
    pub at: Timestamp,
    pub action: Action,
    /// An account's or a caller's id, `operator`, or `attache`.
    pub actor: String,
    pub times: i64,
    pub last_at: Timestamp,
    /// The name of the caller, when one was involved and still exists.
    pub caller: Option<String>,
    pub environment_id: Option<String>,
    /// What was recorded beside it.
    pub detail: Option<Value>,
}

/// What happened to a connection before the entry of this number, newest first.
pub async fn of_connection(
    db: &Db,
    connection_id: &str,
    before: i64,
    limit: i64,
) -> Result<Vec<Line>, sqlx::Error> {
    let select = "SELECT l.seq, l.at, l.action, l.actor, l.times, l.last_at, l.environment_id, l.detail, c.name FROM ledger l \
        LEFT JOIN callers c ON c.id = l.caller_id WHERE l.connection_id = $1 AND l.seq < $2 \
        ORDER BY l.seq DESC LIMIT $3";
    let rows = sqlx::query(select).bind(connection_id).bind(before).bind(limit).fetch_all(&db.pool).await?;
    let read = |row: &sqlx::any::AnyRow| {
        Ok(Line {
            seq: row.try_get("seq")?,
            at: Timestamp::from_unix(row.try_get("at")?),
            action: named(row, "action")?,
            actor: row.try_get("actor")?,
            times: row.try_get("times")?,
            last_at: Timestamp::from_unix(row.try_get("last_at")?),
            caller: row.try_get("name")?,
            environment_id: row.try_get("environment_id")?,
            detail: row
                .try_get::<Option<String>, _>("detail")?
                .and_then(|detail| serde_json::from_str(&detail).ok()),
        })
    };
    rows.iter().map(read).collect()
}

/// How often a connection was used by whom on which day (since 1970), from `since_day` on.
pub struct DayOfUse {
    pub day: i64,
    pub caller: Option<String>,
    pub times: i64,
    pub last_at: Timestamp,
}

/// `since_seq` is a number that no entry of that day or a later one is below: it bounds what is read.
pub async fn use_by_day(
    db: &Db,
    connection_id: &str,
    since_day: i64,
    since_seq: i64,
) -> Result<Vec<DayOfUse>, sqlx::Error> {
    let select = "SELECT l.day, c.name, CAST(SUM(l.times) AS BIGINT) AS times, MAX(l.last_at) AS last_at \
        FROM ledger l LEFT JOIN callers c ON c.id = l.caller_id \
        WHERE l.connection_id = $1 AND l.seq >= $2 AND l.action = 'hand_out' AND l.day >= $3 \
        GROUP BY l.day, c.name ORDER BY l.day";
    let rows =
        sqlx::query(select).bind(connection_id).bind(since_seq).bind(since_day).fetch_all(&db.pool).await?;
    let read = |row: &sqlx::any::AnyRow| {
        Ok(DayOfUse {
            day: row.try_get("day")?,
            caller: row.try_get("name")?,
            times: row.try_get("times")?,
            last_at: Timestamp::from_unix(row.try_get("last_at")?),
        })
    };
    rows.iter().map(read).collect()
}
