//! The SQL of `freezes`, and how they are joined to the connections that they name.

use super::freezes::{Covers, Freeze};
use super::selection::{Cover, OPERATOR, Scope, Selection, Why};
use crate::clock::Timestamp;
use crate::db::{self, Constants, Db, DbConnection, Row, moment, named, sql};

const COLUMNS: &str = "f.id, f.scope, f.target, f.issued_before, f.pseudonym, f.reason, f.actor, f.part_of, \
    f.created_at";
/// Rows that a list shows.
const LISTED: i64 = 500;

/// False when there is one of that id.
pub async fn insert(transaction: &mut DbConnection, freeze: &Freeze) -> Result<bool, db::Error> {
    let insert = "INSERT INTO freezes (id, scope, target, issued_before, reason, actor, part_of, created_at, pseudonym) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING";
    let done = sql(insert)
        .bind(&freeze.id)
        .bind(<&str>::from(freeze.selection.scope))
        .bind(&freeze.selection.target)
        .bind(freeze.selection.issued_before.map(Timestamp::unix))
        .bind(&freeze.why.reason)
        .bind(&freeze.why.actor)
        .bind(freeze.part_of.clone())
        .bind(freeze.since.unix())
        .bind(freeze.pseudonym.clone())
        .execute(transaction)
        .await?;
    Ok(done == 1)
}

pub async fn delete(transaction: &mut DbConnection, id: &str) -> Result<bool, db::Error> {
    let done = sql("DELETE FROM freezes WHERE id = $1").bind(id).execute(transaction).await?;
    Ok(done == 1)
}

pub async fn delete_part(transaction: &mut DbConnection, part_of: &str) -> Result<(), db::Error> {
    sql("DELETE FROM freezes WHERE part_of = $1").bind(part_of).execute(transaction).await.map(drop)
}

pub async fn by_id(db: &Db, id: &str) -> Result<Option<Freeze>, db::Error> {
    let select = Constants(format!("SELECT {COLUMNS} FROM freezes f WHERE f.id = $1"));
    let row = sql(select).bind(id).optional(db).await?;
    row.as_ref().map(read).transpose()
}

/// All but people's pauses, newest first.
pub async fn all(db: &Db) -> Result<Vec<Freeze>, db::Error> {
    let select = Constants(format!(
        "SELECT {COLUMNS} FROM freezes f WHERE f.actor = $1 OR f.part_of IS NOT NULL \
         ORDER BY f.created_at DESC, f.id LIMIT {LISTED}"
    ));
    sql(select).bind(OPERATOR).all(db).await?.iter().map(read).collect()
}

pub async fn pauses(db: &Db) -> Result<i64, db::Error> {
    let select = "SELECT COUNT(*) AS counted FROM freezes WHERE actor <> $1 AND part_of IS NULL";
    sql(select).bind(OPERATOR).one(db).await?.get("counted")
}

/// What decides of freeze `f`, beside the columns of others; see [`cover`].
pub const COVER: &str = "f.scope AS freeze_scope, f.target AS freeze_target, f.issued_before AS freeze_issued_before, \
    f.pseudonym AS freeze_pseudonym, f.part_of AS freeze_part_of, f.actor AS freeze_actor";
/// The freezes that name connection `c`, of app `ap`. [`Cover::names`] has the last word.
pub const NAMING: &str = "(f.scope = 'account' AND f.target = c.account_id) OR (f.scope = 'app' AND f.target = c.app_id) \
    OR (f.scope = 'issuer' AND f.target = ap.issuer_id) OR (f.scope = 'connection' AND f.target = c.id) \
    OR f.pseudonym IN (c.pseudonym, c.account_pseudonym) OR f.scope = 'all'";

/// From a row with [`COVER`]; None where no freeze is joined.
pub fn cover(row: &Row) -> Result<Option<Cover>, db::Error> {
    if row.get::<Option<String>>("freeze_scope")?.is_none() {
        return Ok(None);
    }
    let scope = named(row, "freeze_scope")?;
    Ok(Some(Cover {
        selection: Selection {
            scope,
            target: if scope == Scope::All { String::new() } else { row.get("freeze_target")? },
            issued_before: moment(row, "freeze_issued_before")?,
        },
        pseudonym: row.get("freeze_pseudonym")?,
        part_of: row.get("freeze_part_of")?,
        actor: row.get("freeze_actor")?,
    }))
}

/// What the freezes cover that name a connection.
pub async fn of_connection(db: &Db, connection_id: &str) -> Result<Vec<Cover>, db::Error> {
    let select = Constants(format!(
        "SELECT {COVER} FROM connections c JOIN apps ap ON ap.id = c.app_id JOIN freezes f ON {NAMING} WHERE c.id = $1"
    ));
    let rows = sql(select).bind(connection_id).all(db).await?;
    rows.iter().filter_map(|row| cover(row).transpose()).collect()
}

/// Whether a freeze of an account knows it by this pseudonym, however old a consent is.
pub async fn holds_person(db: &Db, pseudonym: &str) -> Result<bool, db::Error> {
    let select =
        "SELECT id FROM freezes WHERE pseudonym = $1 AND scope = 'account' AND issued_before IS NULL LIMIT 1";
    Ok(sql(select).bind(pseudonym).optional(db).await?.is_some())
}

/// What every freeze covers.
pub async fn covers(db: &Db) -> Result<Covers, db::Error> {
    let select = Constants(format!("SELECT {COVER} FROM freezes f"));
    let mut covers = Covers::default();
    for row in &sql(select).all(db).await? {
        cover(row)?.into_iter().for_each(|cover| covers.add(cover));
    }
    Ok(covers)
}

/// Whether one covers a person, or everything.
pub async fn stops_person(db: &Db, account_id: &str, pseudonym: &str) -> Result<bool, db::Error> {
    let select = "SELECT 1 AS there FROM freezes f WHERE f.scope = 'all' \
        OR (f.scope = 'account' AND (f.target = $1 OR f.pseudonym = $2)) LIMIT 1";
    Ok(sql(select).bind(account_id).bind(pseudonym).optional(db).await?.is_some())
}

/// Operators' freezes of somebody that know them by an id alone.
pub async fn without_pseudonym(db: &Db) -> Result<Vec<Freeze>, db::Error> {
    let select = Constants(format!(
        "SELECT {COLUMNS} FROM freezes f WHERE f.actor = $1 AND f.part_of IS NULL AND f.pseudonym IS NULL \
         AND f.scope IN ('account', 'connection')"
    ));
    sql(select).bind(OPERATOR).all(db).await?.iter().map(read).collect()
}

pub async fn give_pseudonym(
    transaction: &mut DbConnection,
    id: &str,
    pseudonym: &str,
) -> Result<(), db::Error> {
    let update = "UPDATE freezes SET pseudonym = $2 WHERE id = $1 AND pseudonym IS NULL";
    sql(update).bind(id).bind(pseudonym).execute(transaction).await.map(drop)
}

/// Pauses of connections that are over.
pub async fn sweep(transaction: &mut DbConnection) -> Result<(), db::Error> {
    let delete = "DELETE FROM freezes WHERE scope = 'connection' AND actor <> $1 AND EXISTS \
        (SELECT 1 FROM connections c WHERE c.id = freezes.target AND c.status IN ('revoking', 'revoked'))";
    sql(delete).bind(OPERATOR).execute(transaction).await.map(drop)
}

fn selection(row: &Row) -> Result<Selection, db::Error> {
    let scope = named(row, "scope")?;
    Ok(Selection {
        target: if scope == Scope::All { String::new() } else { row.get("target")? },
        issued_before: moment(row, "issued_before")?,
        scope,
    })
}

fn read(row: &Row) -> Result<Freeze, db::Error> {
    Ok(Freeze {
        id: row.get("id")?,
        selection: selection(row)?,
        pseudonym: row.get("pseudonym")?,
        why: Why { actor: row.get("actor")?, reason: row.get("reason")? },
        part_of: row.get("part_of")?,
        since: Timestamp::from_unix(row.get("created_at")?),
    })
}
