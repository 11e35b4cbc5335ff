//! The SQL of what a caller reads of connections. A page is one range of an index for each app and status, whichever
//! page it is and however many connections there are.

use super::Cursor;
use crate::access::judge::{Reader, ReadersApp};
use crate::caller;
use crate::clock::Timestamp;
use crate::connection::ExternalIdentity;
use crate::connection::status::{Cause, Status};
use crate::connection::store::merged;
use crate::db::{self, Constants, Db, Row, moment, named, sql};
use crate::freeze::selection::Use;
use crate::freeze::store::{COVER, NAMING, cover};
use crate::issuer::scope::Scopes;

/// A connection without anything sealed.
#[derive(Clone, Debug)]
pub struct Readable {
    pub id: String,
    pub app_key: String,
    pub account_id: String,
    /// The account's subject, at the sign-in issuer or a platform.
    pub account_subject: String,
    pub account_issuer: String,
    pub external: ExternalIdentity,
    /// Whether its app signs people in by itself.
    pub direct: bool,
    pub status: Status,
    pub cause: Option<Cause>,
    pub granted_scopes: Scopes,
    pub requested_scopes: Scopes,
    pub connected_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub refreshed_at: Option<Timestamp>,
    pub access_expires_at: Option<Timestamp>,
    /// None when it was consented to until it is stopped.
    pub consent_expires_at: Option<Timestamp>,
    /// Whether a freeze covers it, its person's or an operator's.
    pub paused: bool,
    pub revoked_at: Option<Timestamp>,
    pub revoked_upstream_at: Option<Timestamp>,
}

/// Beside those of the freezes that name it: a row for each.
const COLUMNS: &str = "c.id, c.account_id, c.app_id, c.pseudonym, c.account_pseudonym, c.consented_at, c.external_issuer, c.external_subject, c.direct, c.status, c.cause, c.granted_scopes, c.requested_scopes, \
    c.connected_at, c.last_used_at, c.refreshed_at, c.access_expires_at, c.consent_expires_at, c.revoked_at, c.revoked_upstream_at, \
    ap.key AS app_key, ap.issuer_id, p.subject AS account_subject, p.issuer AS account_issuer";

/// A caller with its apps, and what decides which of them it may read of.
pub async fn reader(db: &Db, caller_id: &str) -> Result<Reader, db::Error> {
    let select = Constants(format!(
        "SELECT ca.status AS caller_status, ap.id, ap.key, ap.status AS app_status, {COVER} FROM callers ca \
         JOIN caller_apps allowed ON allowed.caller_id = ca.id JOIN apps ap ON ap.id = allowed.app_id \
         LEFT JOIN freezes f ON f.scope = 'caller' AND f.target = ca.id WHERE ca.id = $1 ORDER BY ap.id"
    ));
    let rows = sql(select).bind(caller_id).all(db).await?;
    let is_active = rows.first().map(caller::is_active).transpose()?.unwrap_or_default();
    let mut reader = Reader { is_active, apps: Vec::new(), freezes: Vec::new() };
    // A row for each app and each freeze.
    for row in &rows {
        let app = ReadersApp { id: row.get("id")?, key: row.get("key")?, status: named(row, "app_status")? };
        if reader.apps.last().is_none_or(|last| last.id != app.id) {
            reader.apps.push(app);
        }
        reader.freezes.extend(cover(row)?);
    }
    Ok(reader)
}

pub async fn one(db: &Db, id: &str) -> Result<Option<Readable>, db::Error> {
    let select = Constants(format!(
        "SELECT {COLUMNS}, {COVER} FROM connections c JOIN accounts p ON p.id = c.account_id \
         JOIN apps ap ON ap.id = c.app_id LEFT JOIN freezes f ON {NAMING} WHERE c.id = $1"
    ));
    let rows = sql(select).bind(id).all(db).await?;
    Ok(read_all(&rows)?.pop())
}

/// What a list holds.
pub struct Wanted<'a> {
    pub apps: &'a [String],
    pub account_id: Option<&'a str>,
    /// None named: all.
    pub statuses: &'a [Status],
}

const ORDER: &str = "account_id, id";

pub async fn list(
    db: &Db,
    wanted: &Wanted<'_>,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<Readable>, db::Error> {
    let keys = merged(&ranges(wanted, after.is_some()), ORDER, ORDER, limit);
    // The keys first, alone: no join can then tempt a planner away from the index.
    let select = Constants(format!(
        "SELECT {COLUMNS}, {COVER} FROM ({keys}) keys JOIN connections c ON c.id = keys.id \
         JOIN accounts p ON p.id = c.account_id JOIN apps ap ON ap.id = c.app_id \
         LEFT JOIN freezes f ON {NAMING} ORDER BY c.account_id, c.id"
    ));
    let mut query = sql(select);
    for app_id in wanted.apps {
        query = query.bind(app_id);
    }
    query = match (wanted.account_id, after) {
        (Some(account_id), Some(cursor)) => query.bind(account_id).bind(&cursor.id),
        (Some(account_id), None) => query.bind(account_id),
        (None, Some(cursor)) => query.bind(&cursor.account_id).bind(&cursor.id),
        (None, None) => query,
    };
    read_all(&query.all(db).await?)
}

/// `$1` and on are the apps; then the account, the filter's or the cursor's; then the cursor's id.
fn ranges(wanted: &Wanted<'_>, begun: bool) -> Vec<String> {
    let (account, id) = (wanted.apps.len() + 1, wanted.apps.len() + 2);
    let within = match (wanted.account_id, begun) {
        (Some(_), true) => format!(" AND k.account_id = ${account} AND k.id > ${id}"),
        (Some(_), false) => format!(" AND k.account_id = ${account}"),
        (None, true) => format!(" AND (k.account_id, k.id) > (${account}, ${id})"),
        (None, false) => String::new(),
    };
    let of_app =
        |app: usize| format!("SELECT k.account_id, k.id FROM connections k WHERE k.app_id = ${app}{within}");
    let of_statuses = |range: String| match wanted.statuses {
        [] => vec![range],
        statuses => statuses
            .iter()
            .map(|status| format!("{range} AND k.status = '{}'", <&str>::from(status)))
            .collect(),
    };
    (1..=wanted.apps.len()).map(of_app).flat_map(of_statuses).collect()
}

/// The rows of one connection stand together.
fn read_all(rows: &[Row]) -> Result<Vec<Readable>, db::Error> {
    let mut all: Vec<Readable> = Vec::new();
    for row in rows {
        let id: String = row.get("id")?;
        if all.last().is_none_or(|last| last.id != id) {
            all.push(read(row)?);
        }
        if let (Some(last), true) = (all.last_mut(), is_covered(row)?) {
            last.paused = true;
        }
    }
    Ok(all)
}

/// Whether the row's freeze covers its connection, whoever uses it.
fn is_covered(row: &Row) -> Result<bool, db::Error> {
    let Some(cover) = cover(row)? else { return Ok(false) };
    let text = |column| row.get::<Option<String>>(column);
    let (connection_id, account_id): (String, String) = (row.get("id")?, row.get("account_id")?);
    let (app_id, issuer_id): (String, String) = (row.get("app_id")?, row.get("issuer_id")?);
    let (pseudonym, account_pseudonym) = (text("pseudonym")?, text("account_pseudonym")?);
    Ok(cover.covers(Use {
        connection_id: &connection_id,
        pseudonym: pseudonym.as_deref(),
        account_id: &account_id,
        account_pseudonym: account_pseudonym.as_deref(),
        app_id: &app_id,
        issuer_id: &issuer_id,
        caller_id: None,
        consented_at: Timestamp::from_unix(row.get("consented_at")?),
    }))
}

/// Without its freezes.
fn read(row: &Row) -> Result<Readable, db::Error> {
    let (granted, requested): (String, String) = (row.get("granted_scopes")?, row.get("requested_scopes")?);
    let cause: Option<String> = row.get("cause")?;
    Ok(Readable {
        id: row.get("id")?,
        app_key: row.get("app_key")?,
        account_id: row.get("account_id")?,
        account_subject: row.get("account_subject")?,
        account_issuer: row.get("account_issuer")?,
        external: ExternalIdentity {
            issuer: row.get("external_issuer")?,
            subject: row.get("external_subject")?,
        },
        direct: row.get::<i64>("direct")? == 1,
        status: named(row, "status")?,
        cause: cause.and_then(|cause| cause.parse().ok()),
        granted_scopes: Scopes::lenient(&granted),
        requested_scopes: Scopes::lenient(&requested),
        connected_at: Timestamp::from_unix(row.get("connected_at")?),
        last_used_at: moment(row, "last_used_at")?,
        refreshed_at: moment(row, "refreshed_at")?,
        access_expires_at: moment(row, "access_expires_at")?,
        consent_expires_at: moment(row, "consent_expires_at")?,
        paused: false,
        revoked_at: moment(row, "revoked_at")?,
        revoked_upstream_at: moment(row, "revoked_upstream_at")?,
    })
}
