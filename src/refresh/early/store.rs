//! The SQL of what is due: one probe of an index for each app, however many connections there are.

use crate::clock::Timestamp;
use crate::db::{self, Db, DbConnection, Row, sql};

/// Seconds for which a connection that was picked is no other process's: longer than it waits and its flight lasts.
pub const CLAIM: i64 = 180;
/// And one whose refresh left a doubt, at the most: should this process die as well, another one looks while the overlap
/// lasts.
pub const LOOK: i64 = 2;

/// A connection whose time has come.
pub struct Due {
    pub id: String,
    pub generation: i64,
    /// False when nobody uses it: it was put off until somebody does, or until the issuer would end it.
    pub wanted: bool,
}

/// The apps with connections that are due, the one that has waited longest first.
pub async fn apps_with_due(db: &Db, now: Timestamp) -> Result<Vec<String>, db::Error> {
    let select = "SELECT due.id FROM (SELECT a.id, \
            (SELECT MIN(c.refresh_due_at) FROM connections c WHERE c.app_id = a.id AND c.refresh_due_at <= $1) AS since \
        FROM apps a WHERE a.status = 'approved') AS due WHERE due.since IS NOT NULL ORDER BY due.since";
    let rows = sql(select).bind(now.unix()).all(db).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// Picks up to `limit` of an app, for this process alone; only those whose token may have been spent since a moment, where
/// one is given.
/// `idle` is after how many seconds without a refresh one is wanted though nobody uses it; `look` for how many seconds one
/// in doubt is this process's.
pub async fn claim(
    db: &Db,
    app_id: &str,
    spent_since: Option<Timestamp>,
    limit: usize,
    (idle, look): (Option<i64>, i64),
    now: Timestamp,
) -> Result<Vec<Due>, db::Error> {
    let select = "SELECT c.id FROM connections c WHERE c.app_id = $1 AND c.refresh_due_at <= $2 \
            AND c.refresh_token IS NOT NULL AND (CAST($3 AS BIGINT) IS NULL OR c.intent_at > CAST($3 AS BIGINT)) \
        ORDER BY c.refresh_due_at LIMIT $4";
    let due = sql(select)
        .bind(app_id)
        .bind(now.unix())
        .bind(spent_since.map(Timestamp::unix))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .all(db)
        .await?;
    let mut ids: Vec<String> = due.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?;
    // The order in which last uses are told too, see `ledger`.
    ids.sort();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let update = "UPDATE connections SET refresh_due_at = CASE WHEN \
                status NOT IN ('needs_reconnect', 'revoking', 'revoked') AND refresh_token IS NOT NULL \
                AND (consent_expires_at IS NULL OR consent_expires_at > $1) \
                AND (intent_generation IS NOT NULL OR last_used_at >= COALESCE(refreshed_at, connected_at) \
                    OR COALESCE(refreshed_at, connected_at) + CAST($2 AS BIGINT) <= $1) \
            THEN CASE WHEN intent_generation IS NOT NULL THEN $3 ELSE $4 END \
            WHEN COALESCE(refreshed_at, connected_at) + CAST($2 AS BIGINT) > $1 \
            THEN COALESCE(refreshed_at, connected_at) + CAST($2 AS BIGINT) ELSE NULL END \
        WHERE id = $5 AND refresh_due_at <= $1 \
        RETURNING id, generation, CASE WHEN refresh_due_at IN ($3, $4) THEN 'yes' ELSE 'no' END AS wanted";
    let read = |row: Row| {
        let (id, generation) = (row.get("id")?, row.get("generation")?);
        let wanted = row.get::<String>("wanted")? == "yes";
        Ok::<_, db::Error>(Due { id, generation, wanted })
    };
    let mut claimed = Vec::new();
    let mut transaction = db.begin().await?;
    for id in &ids {
        let row = sql(update)
            .bind(now.unix())
            .bind(idle)
            .bind(now.plus(look).unix())
            .bind(now.plus(CLAIM).unix())
            .bind(id)
            .optional(&mut *transaction)
            .await?;
        // None when another process was quicker.
        claimed.extend(row.map(read).transpose()?);
    }
    transaction.commit().await?;
    Ok(claimed)
}

/// What a lost answer left in doubt of an app since a moment, and what was being refreshed, as many as a transaction takes
/// at once.
pub async fn doubts(
    db: &Db,
    app_id: &str,
    since: Timestamp,
    now: Timestamp,
) -> Result<Vec<String>, db::Error> {
    let select = "SELECT id FROM connections WHERE app_id = $1 AND status IN ('refreshing', 'in_doubt') \
            AND intent_at > $2 AND refresh_due_at > $3 \
        ORDER BY id LIMIT 1000";
    let rows = sql(select).bind(app_id).bind(since.unix()).bind(now.unix()).all(db).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// It is due, and nobody need wait.
pub async fn look_now(transaction: &mut DbConnection, id: &str, now: Timestamp) -> Result<(), db::Error> {
    let update = "UPDATE connections SET refresh_due_at = $1, retry_at = CASE WHEN retry_at > $1 THEN $1 ELSE retry_at END \
        WHERE id = $2 AND intent_generation IS NOT NULL AND refresh_due_at > $1";
    let now = now.unix();
    sql(update).bind(now).bind(id).execute(transaction).await?;
    Ok(())
}

/// What waits for its app's credentials may be asked for at once.
pub async fn try_refused_clients_again(transaction: &mut DbConnection) -> Result<(), db::Error> {
    // App by app, so that the index of states finds the few.
    let update = "UPDATE connections SET retry_at = NULL WHERE app_id IN (SELECT id FROM apps) \
            AND status = 'misconfigured' AND retry_at IS NOT NULL";
    sql(update).execute(transaction).await.map(drop)
}
