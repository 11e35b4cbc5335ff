//! The SQL of `revokes`.

use super::{ConnectionKey, MassRevoke, Status};
use crate::clock::Timestamp;
use crate::db::{self, Constants, Db, DbConnection, Row, moment, named, sql};
use crate::freeze::reach::store::{bind, selected, selected_in};
use crate::freeze::selection::{Selection, Why};

const COLUMNS: &str = "id, scope, target, issued_before, per_second, total, reason, actor, status, after_app, \
    after_account, after_id, created_at, ended_at";
/// Rows that a list shows.
const LISTED: i64 = 50;

pub async fn insert(transaction: &mut DbConnection, begun: &MassRevoke) -> Result<(), db::Error> {
    let insert = "INSERT INTO revokes (id, scope, target, issued_before, per_second, total, reason, actor, status, \
            next_at, after_app, after_account, after_id, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, '', '', '', $10)";
    sql(insert)
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
pub async fn claim(db: &Db, now: Timestamp, until: Timestamp) -> Result<Option<MassRevoke>, db::Error> {
    let update = Constants(format!(
        "UPDATE revokes SET next_at = $1 WHERE status = 'running' AND next_at <= $2 AND id = \
            (SELECT due.id FROM revokes due WHERE due.status = 'running' AND due.next_at <= $2 \
             ORDER BY due.next_at, due.id LIMIT 1) RETURNING {COLUMNS}"
    ));
    // Nothing is written while nothing is running, which is nearly always.
    let due = "SELECT id FROM revokes WHERE status = 'running' AND next_at <= $1 LIMIT 1";
    if sql(due).bind(now.unix()).optional(db).await?.is_none() {
        return Ok(None);
    }
    let mut transaction = db.begin().await?;
    let row = sql(update).bind(until.unix()).bind(now.unix()).optional(&mut *transaction).await?;
    transaction.commit().await?;
    row.as_ref().map(read).transpose()
}

/// What a process that is no more had claimed is free.
pub async fn release_all(db: &Db) -> Result<(), db::Error> {
    sql("UPDATE revokes SET next_at = 0 WHERE status = 'running'").execute(db).await.map(drop)
}

/// The next connections behind the place that it has come to.
pub async fn slice(db: &Db, running: &MassRevoke) -> Result<Vec<ConnectionKey>, db::Error> {
    let select = Constants(format!(
        "SELECT c.app_id, c.account_id, c.id FROM connections c WHERE {} \
            AND (c.app_id, c.account_id, c.id) > ($3, $4, $5) ORDER BY c.app_id, c.account_id, c.id LIMIT $6",
        selected(&running.selection)
    ));
    let rows = bind(sql(select), &running.selection)
        .bind(&running.place.app_id)
        .bind(&running.place.account_id)
        .bind(&running.place.id)
        .bind(i64::from(running.per_second))
        .all(db)
        .await?;
    let read = |row: &Row| {
        Ok(ConnectionKey {
            app_id: row.get("app_id")?,
            account_id: row.get("account_id")?,
            id: row.get("id")?,
        })
    };
    rows.iter().map(read).collect()
}

pub async fn save(db: &Db, id: &str, place: &ConnectionKey, next_at: Timestamp) -> Result<(), db::Error> {
    let update = "UPDATE revokes SET after_app = $2, after_account = $3, after_id = $4, next_at = $5 \
        WHERE id = $1 AND status = 'running'";
    let update =
        sql(update).bind(id).bind(&place.app_id).bind(&place.account_id).bind(&place.id).bind(next_at.unix());
    update.execute(db).await.map(drop)
}

/// False when it had ended.
pub async fn end(transaction: &mut DbConnection, id: &str, now: Timestamp) -> Result<bool, db::Error> {
    let update = "UPDATE revokes SET status = 'ended', ended_at = $2 WHERE id = $1 AND status = 'running'";
    let done = sql(update).bind(id).bind(now.unix()).execute(transaction).await?;
    Ok(done == 1)
}

pub async fn by_id(db: &Db, id: &str) -> Result<Option<MassRevoke>, db::Error> {
    let select = Constants(format!("SELECT {COLUMNS} FROM revokes WHERE id = $1"));
    let row = sql(select).bind(id).optional(db).await?;
    row.as_ref().map(read).transpose()
}

pub async fn latest(db: &Db) -> Result<Vec<MassRevoke>, db::Error> {
    let select =
        Constants(format!("SELECT {COLUMNS} FROM revokes ORDER BY created_at DESC, id LIMIT {LISTED}"));
    sql(select).all(db).await?.iter().map(read).collect()
}

/// Connections of the selection that ended here since it began, and whose issuer has not confirmed.
pub async fn unconfirmed(db: &Db, running: &MassRevoke) -> Result<i64, db::Error> {
    let over = selected_in(&running.selection, "c.status = 'revoking'");
    let select = Constants(format!(
        "SELECT COUNT(*) AS counted FROM connections c WHERE {over} AND c.revoked_at >= $3"
    ));
    let query = bind(sql(select), &running.selection).bind(running.created_at.unix());
    query.one(db).await?.get("counted")
}

fn read(row: &Row) -> Result<MassRevoke, db::Error> {
    let status: Status = named(row, "status")?;
    Ok(MassRevoke {
        id: row.get("id")?,
        selection: Selection {
            scope: named(row, "scope")?,
            target: row.get("target")?,
            issued_before: moment(row, "issued_before")?,
        },
        why: Why { actor: row.get("actor")?, reason: row.get("reason")? },
        per_second: u32::try_from(row.get::<i64>("per_second")?).unwrap_or(1),
        total: row.get("total")?,
        status,
        place: ConnectionKey {
            app_id: row.get("after_app")?,
            account_id: row.get("after_account")?,
            id: row.get("after_id")?,
        },
        created_at: Timestamp::from_unix(row.get("created_at")?),
        ended_at: moment(row, "ended_at")?,
    })
}
