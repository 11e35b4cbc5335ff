//! The SQL of `revokes`.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::{MassRevoke, Place, Status};
use crate::clock::Timestamp;
use crate::db::{Db, DbConnection, moment, named};
use crate::freeze::reach::store::{bind, selected, selected_in};
use crate::freeze::selection::{Selection, Why};

const COLUMNS: &str = "id, scope, target, issued_before, per_second, total, reason, actor, status, after_app, \
    after_account, after_id, created_at, ended_at";
/// Rows that a list shows.
const LISTED: i64 = 50;

pub async fn insert(transaction: &mut DbConnection, begun: &MassRevoke) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO revokes (id, scope, target, issued_before, per_second, total, reason, actor, status, \
            next_at, after_app, after_account, after_id, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, '', '', '', $10)";
    sqlx::query(insert)
        .bind(&begun.id)
        .bind(<&str>::from(begun.selection.scope))
        .bind(&begun.selection.target)
        .bind(begun.selection.issued_before.map_or(i64::MAX, Timestamp::unix))
        .bind(i64::from(begun.per_second))
        .bind(begun.total)
        .bind(&begun.why.reason)
        .bind(&begun.why.actor)
        .bind(<&str>::from(begun.status))
        .bind(begun.created_at.unix())
        .execute(transaction)
        .await
        .map(drop)
}

/// One whose turn it is, for one replica, until then.
pub async fn claim(db: &Db, now: Timestamp, until: Timestamp) -> Result<Option<MassRevoke>, sqlx::Error> {
    let update = AssertSqlSafe(format!(
        "UPDATE revokes SET next_at = $1 WHERE status = 'running' AND next_at <= $2 AND id = \
            (SELECT due.id FROM revokes due WHERE due.status = 'running' AND due.next_at <= $3 \
             ORDER BY due.next_at, due.id LIMIT 1) RETURNING {COLUMNS}"
    ));
    // Nothing is written while nothing is running, which is nearly always.
    let due = "SELECT id FROM revokes WHERE status = 'running' AND next_at <= $1 LIMIT 1";
    if sqlx::query(due).bind(now.unix()).fetch_optional(&db.pool).await?.is_none() {
        return Ok(None);
    }
    let mut transaction = db.begin().await?;
    let row = sqlx::query(update)
        .bind(until.unix())
        .bind(now.unix())
        .bind(now.unix())
        .fetch_optional(&mut *transaction)
        .await?;
    transaction.commit().await?;
    row.as_ref().map(read).transpose()
}

/// What a process that is no more had claimed is free.
pub async fn release_all(db: &Db) -> Result<(), sqlx::Error> {
    db.execute(sqlx::query("UPDATE revokes SET next_at = 0 WHERE status = 'running'")).await.map(drop)
}

/// The next connections behind the place that it has come to.
pub async fn slice(db: &Db, running: &MassRevoke) -> Result<Vec<Place>, sqlx::Error> {
    let select = AssertSqlSafe(format!(
        "SELECT c.app_id, c.account_id, c.id FROM connections c WHERE {} \
            AND (c.app_id, c.account_id, c.id) > ($3, $4, $5) ORDER BY c.app_id, c.account_id, c.id LIMIT $6",
        selected(&running.selection)
    ));
    let rows = bind(sqlx::query(select), &running.selection)
        .bind(&running.place.app_id)
        .bind(&running.place.account_id)
        .bind(&running.place.id)
        .bind(i64::from(running.per_second))
        .fetch_all(&db.pool)
        .await?;
    let read = |row: &AnyRow| {
        Ok(Place {
            app_id: row.try_get("app_id")?,
            account_id: row.try_get("account_id")?,
            id: row.try_get("id")?,
        })
    };
    rows.iter().map(read).collect()
}

pub async fn save(db: &Db, id: &str, place: &Place, next_at: Timestamp) -> Result<(), sqlx::Error> {
    let update = "UPDATE revokes SET after_app = $2, after_account = $3, after_id = $4, next_at = $5 \
        WHERE id = $1 AND status = 'running'";
    let update = sqlx::query(update)
        .bind(id)
        .bind(&place.app_id)
        .bind(&place.account_id)
        .bind(&place.id)
        .bind(next_at.unix());
    db.execute(update).await.map(drop)
}

/// False when it had ended.
pub async fn end(transaction: &mut DbConnection, id: &str, now: Timestamp) -> Result<bool, sqlx::Error> {
    let update = "UPDATE revokes SET status = 'ended', ended_at = $2 WHERE id = $1 AND status = 'running'";
    let done = sqlx::query(update).bind(id).bind(now.unix()).execute(transaction).await?;
    Ok(done.rows_affected() == 1)
}

pub async fn by_id(db: &Db, id: &str) -> Result<Option<MassRevoke>, sqlx::Error> {
    let select = AssertSqlSafe(format!("SELECT {COLUMNS} FROM revokes WHERE id = $1"));
    let row = sqlx::query(select).bind(id).fetch_optional(&db.pool).await?;
    row.as_ref().map(read).transpose()
}

pub async fn latest(db: &Db) -> Result<Vec<MassRevoke>, sqlx::Error> {
    let select =
        AssertSqlSafe(format!("SELECT {COLUMNS} FROM revokes ORDER BY created_at DESC, id LIMIT {LISTED}"));
    sqlx::query(select).fetch_all(&db.pool).await?.iter().map(read).collect()
}

/// Connections of the selection that ended here since it began, and whose issuer has not confirmed.
pub async fn unconfirmed(db: &Db, running: &MassRevoke) -> Result<i64, sqlx::Error> {
    let over = selected_in(&running.selection, "c.status = 'revoking'");
    let select = AssertSqlSafe(format!(
        "SELECT COUNT(*) AS counted FROM connections c WHERE {over} AND c.revoked_at >= $3"
    ));
    let query = bind(sqlx::query(select), &running.selection).bind(running.created_at.unix());
    query.fetch_one(&db.pool).await?.try_get("counted")
}

fn read(row: &AnyRow) -> Result<MassRevoke, sqlx::Error> {
    let status: Status = named(row, "status")?;
    Ok(MassRevoke {
        id: row.try_get("id")?,
        selection: Selection {
            scope: named(row, "scope")?,
            target: row.try_get("target")?,
            issued_before: moment(row, "issued_before")?,
        },
        why: Why { actor: row.try_get("actor")?, reason: row.try_get("reason")? },
        per_second: u32::try_from(row.try_get::<i64, _>("per_second")?).unwrap_or(1),
        total: row.try_get("total")?,
        status,
        place: Place {
            app_id: row.try_get("after_app")?,
            account_id: row.try_get("after_account")?,
            id: row.try_get("after_id")?,
        },
        created_at: Timestamp::from_unix(row.try_get("created_at")?),
        ended_at: moment(row, "ended_at")?,
    })
}
