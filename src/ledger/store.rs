//! The SQL of `ledger`.

use serde_json::Value;

use super::counted::Counted;
use super::entry::{Action, Entry};
use super::memory::Ledger;
use crate::clock::Timestamp;
use crate::connection::due::BETWEEN_REFRESHES;
use crate::db::victim::gave_way;
use crate::db::{self, Constants, Db, DbConnection, Row, named, sql};

/// How often it is tried when a number is taken, or somebody is in the way.
const ATTEMPTS: usize = 8;

/// Adds an entry; in the transaction of what it tells, when there is one.
pub async fn append(
    connection: &mut DbConnection,
    ledger: &Ledger,
    action: Action,
    entry: &Entry,
    now: Timestamp,
) -> Result<(), db::Error> {
    let insert = "INSERT INTO ledger (seq, at, action, actor, account_id, app_id, connection_id, caller_id, times, \
            last_at, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $2, $9) ON CONFLICT (seq) DO NOTHING";
    // What is told of must not fail because another replica took the number.
    for _ in 0..ATTEMPTS {
        let done = sql(insert)
            .bind(ledger.next_seq(now))
            .bind(now.unix())
            .bind(<&str>::from(action))
            .bind(entry.actor.clone())
            .bind(entry.account_id.clone())
            .bind(entry.app_id.clone())
            .bind(entry.connection_id.clone())
            .bind(entry.caller_id.clone())
            .bind(entry.detail.as_ref().map(Value::to_string))
            .execute(&mut *connection)
            .await?;
        if done == 1 {
            return Ok(());
        }
    }
    tracing::error!(action = <&str>::from(action), "an entry of the ledger found no number");
    Ok(())
}

pub async fn newest_at(db: &Db) -> Result<Option<Timestamp>, db::Error> {
    let row = sql("SELECT at FROM ledger ORDER BY seq DESC LIMIT 1").optional(db).await?;
    row.map(|row| row.get("at").map(Timestamp::from_unix)).transpose()
}

/// Adds to the one row of each of these hand-outs, no two of which are of the same row; in their order, so that
/// replicas that count the same ones wait for each other in turn.
pub async fn add_hand_outs(db: &Db, ledger: &Ledger, mut counted: Vec<Counted>) -> Result<(), db::Error> {
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
fn is_another_ones(error: &db::Error) -> bool {
    matches!(error, db::Error::Unique(_)) || gave_way(error)
}

async fn try_add_hand_outs(db: &Db, ledger: &Ledger, counted: &[Counted]) -> Result<(), db::Error> {
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
) -> Result<(), db::Error> {
    let values = rows(counted.len(), 10, |at| {
        let [moment, caller, account, app, connection, environment, generation, day, times] =
            [1, 2, 3, 4, 5, 6, 7, 8, 9].map(|further| at + further);
        format!(
            "(${at}, ${moment}, 'hand_out', ${caller}, ${account}, ${app}, ${connection}, ${caller}, ${environment}, \
             ${generation}, ${day}, ${times}, ${moment})"
        )
    });
    // Only numbers of parameters are joined in.
    let upsert = Constants(format!(
        "INSERT INTO ledger (seq, at, action, actor, account_id, app_id, connection_id, caller_id, \
            environment_id, generation, day, times, last_at) VALUES {values} \
        ON CONFLICT (caller_id, connection_id, generation, day, COALESCE(environment_id, '')) WHERE action = 'hand_out' \
        DO UPDATE SET times = ledger.times + excluded.times, \
            last_at = CASE WHEN excluded.last_at > ledger.last_at THEN excluded.last_at ELSE ledger.last_at END"
    ));
    let mut query = sql(upsert);
    for Counted { line, times, last_at } in counted {
        query = query
            .bind(ledger.next_seq(*last_at))
            .bind(last_at.unix())
            .bind(&line.caller_id)
            .bind(&line.account_id)
            .bind(&line.app_id)
            .bind(&line.connection_id)
            .bind(line.environment_id.clone())
            .bind(line.generation)
            .bind(line.day)
            .bind(*times);
    }
    query.execute(connection).await.map(drop)
}

/// Tells these connections when they were last used, one after the other in their order: early refreshes claim them in the
/// same one.
pub async fn tell_last_use(db: &Db, used: &[(String, Timestamp)]) -> Result<(), db::Error> {
    let mut attempt = 1;
    loop {
        match try_tell_last_use(db, used).await {
            Err(error) if attempt < ATTEMPTS && gave_way(&error) => attempt += 1,
            other => return other,
        }
    }
}

async fn try_tell_last_use(db: &Db, used: &[(String, Timestamp)]) -> Result<(), db::Error> {
    // Nobody used it when its early refresh was due, so that was put off; now that somebody does, it is due, as soon as it
    // may be refreshed again.
    let update = "UPDATE connections SET last_used_at = $1, listed_at = $1, \
            refresh_due_at = CASE WHEN status = 'active' AND lease_until IS NULL AND refresh_token IS NOT NULL \
                    AND access_expires_at > $1 AND (refresh_due_at IS NULL OR refresh_due_at > access_expires_at) \
                THEN CASE WHEN refreshed_at + CAST($2 AS BIGINT) > $1 THEN refreshed_at + CAST($2 AS BIGINT) ELSE $1 END \
                ELSE refresh_due_at END \
         WHERE id = $3 AND (last_used_at IS NULL OR last_used_at < $1)";
    let mut transaction = db.begin().await?;
    for (id, at) in used {
        let at = at.unix();
        sql(update).bind(at).bind(BETWEEN_REFRESHES).bind(id).execute(&mut *transaction).await?;
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
) -> Result<Vec<Line>, db::Error> {
    let select = "SELECT l.seq, l.at, l.action, l.actor, l.times, l.last_at, l.environment_id, l.detail, c.name FROM ledger l \
        LEFT JOIN callers c ON c.id = l.caller_id WHERE l.connection_id = $1 AND l.seq < $2 \
        ORDER BY l.seq DESC LIMIT $3";
    let rows = sql(select).bind(connection_id).bind(before).bind(limit).all(db).await?;
    let read = |row: &Row| {
        Ok(Line {
            seq: row.get("seq")?,
            at: Timestamp::from_unix(row.get("at")?),
            action: named(row, "action")?,
            actor: row.get("actor")?,
            times: row.get("times")?,
            last_at: Timestamp::from_unix(row.get("last_at")?),
            caller: row.get("name")?,
            environment_id: row.get("environment_id")?,
            detail: row
                .get::<Option<String>>("detail")?
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
) -> Result<Vec<DayOfUse>, db::Error> {
    let select = "SELECT l.day, c.name, CAST(SUM(l.times) AS BIGINT) AS times, MAX(l.last_at) AS last_at \
        FROM ledger l LEFT JOIN callers c ON c.id = l.caller_id \
        WHERE l.connection_id = $1 AND l.seq >= $2 AND l.action = 'hand_out' AND l.day >= $3 \
        GROUP BY l.day, c.name ORDER BY l.day";
    let rows = sql(select).bind(connection_id).bind(since_seq).bind(since_day).all(db).await?;
    let read = |row: &Row| {
        Ok(DayOfUse {
            day: row.get("day")?,
            caller: row.get("name")?,
            times: row.get("times")?,
            last_at: Timestamp::from_unix(row.get("last_at")?),
        })
    };
    rows.iter().map(read).collect()
}
