//! The SQL of selections: which connections they are, and what can be counted of them.

use super::{Grant, OfAccount, OfApp};
use crate::account::KnownAs;
use crate::clock::Timestamp;
use crate::connection::store::LIVE;
use crate::db::{self, Constants, Db, Row, Sql, moment, sql};
use crate::freeze::selection::{Scope, Selection};

/// Live connections `c` of a selection: `$1` is its target, `$2` the end of when they were agreed to.
pub(crate) fn selected(selection: &Selection) -> String {
    selected_in(selection, LIVE)
}

/// The same in another status.
pub(crate) fn selected_in(selection: &Selection, status: &'static str) -> String {
    let of_scope = match selection.scope {
        Scope::Account => "c.account_id = $1 AND c.consented_at >= 0",
        Scope::App => "c.app_id = $1",
        Scope::Issuer => "c.app_id IN (SELECT sa.id FROM apps sa WHERE sa.issuer_id = $1)",
        Scope::Caller => "c.app_id IN (SELECT sc.app_id FROM caller_apps sc WHERE sc.caller_id = $1)",
        Scope::Connection => "c.id = $1",
        Scope::All => "$1 = ''",
    };
    format!("{of_scope} AND c.consented_at < $2 AND {status}")
}

/// What [`selected`] needs.
pub(crate) fn bind(query: Sql, selection: &Selection) -> Sql {
    query.bind(selection.target.clone()).bind(selection.issued_before.map_or(i64::MAX, Timestamp::unix))
}

pub async fn connections(db: &Db, selection: &Selection) -> Result<i64, db::Error> {
    let select =
        Constants(format!("SELECT COUNT(*) AS counted FROM connections c WHERE {}", selected(selection)));
    bind(sql(select), selection).one(db).await?.get("counted")
}

pub struct Counted {
    pub people: i64,
    pub connections: i64,
    pub used_lately: i64,
    pub last_used_at: Option<Timestamp>,
}

pub async fn count(db: &Db, selection: &Selection, since: Timestamp) -> Result<Counted, db::Error> {
    let select = Constants(format!(
        "SELECT COUNT(*) AS connections, COUNT(DISTINCT c.account_id) AS people, MAX(c.last_used_at) AS last_used_at, \
            COUNT(CASE WHEN c.last_used_at >= $3 THEN 1 ELSE NULL END) AS used_lately \
         FROM connections c WHERE {}",
        selected(selection)
    ));
    let row = bind(sql(select), selection).bind(since.unix()).one(db).await?;
    Ok(Counted {
        people: row.get("people")?,
        connections: row.get("connections")?,
        used_lately: row.get("used_lately")?,
        last_used_at: moment(&row, "last_used_at")?,
    })
}

pub async fn apps(db: &Db, selection: &Selection, limit: i64) -> Result<Vec<OfApp>, db::Error> {
    let select = Constants(format!(
        "SELECT a.key, found.people, found.connections, found.last_used_at FROM \
            (SELECT c.app_id, COUNT(*) AS connections, COUNT(DISTINCT c.account_id) AS people, \
                MAX(c.last_used_at) AS last_used_at FROM connections c WHERE {} GROUP BY c.app_id) found \
         JOIN apps a ON a.id = found.app_id ORDER BY found.connections DESC, a.key LIMIT $3",
        selected(selection)
    ));
    let read = |row: &Row| {
        Ok(OfApp {
            key: row.get("key")?,
            people: row.get("people")?,
            connections: row.get("connections")?,
            last_used_at: moment(row, "last_used_at")?,
        })
    };
    bind(sql(select), selection).bind(limit).all(db).await?.iter().map(read).collect()
}

pub async fn accounts(db: &Db, selection: &Selection, limit: i64) -> Result<Vec<OfAccount>, db::Error> {
    let select = Constants(format!(
        "SELECT p.id AS account_id, p.subject, p.name, p.email, found.connections, found.last_used_at FROM \
            (SELECT c.account_id, COUNT(*) AS connections, MAX(c.last_used_at) AS last_used_at \
                FROM connections c WHERE {} GROUP BY c.account_id) found \
         JOIN accounts p ON p.id = found.account_id ORDER BY found.connections DESC, p.id LIMIT $3",
        selected(selection)
    ));
    let read = |row: &Row| {
        Ok(OfAccount {
            person: person(row)?,
            connections: row.get("connections")?,
            last_used_at: moment(row, "last_used_at")?,
        })
    };
    bind(sql(select), selection).bind(limit).all(db).await?.iter().map(read).collect()
}

pub async fn grants(db: &Db, selection: &Selection, limit: i64) -> Result<Vec<Grant>, db::Error> {
    let select = Constants(format!(
        "SELECT c.id, a.key, c.account_id, p.subject, p.name, p.email, c.status, c.consented_at, c.last_used_at \
         FROM connections c JOIN apps a ON a.id = c.app_id JOIN accounts p ON p.id = c.account_id WHERE {} ORDER BY c.app_id, c.account_id, c.id LIMIT $3",
        selected(selection)
    ));
    let read = |row: &Row| {
        Ok(Grant {
            id: row.get("id")?,
            app_key: row.get("key")?,
            person: person(row)?,
            status: row.get("status")?,
            consented_at: Timestamp::from_unix(row.get("consented_at")?),
            last_used_at: moment(row, "last_used_at")?,
        })
    };
    bind(sql(select), selection).bind(limit).all(db).await?.iter().map(read).collect()
}

fn person(row: &Row) -> Result<KnownAs, db::Error> {
    Ok(KnownAs {
        id: row.get("account_id")?,
        subject: row.get("subject")?,
        name: row.get("name")?,
        email: row.get("email")?,
    })
}
