//! The SQL of the facts: one statement joins everything that decides. It leaves out nothing that a rule is about.

use std::sync::Arc;

use super::{Asker, Facts, Found, OfApp, Question, Which, Who};
use crate::account::Account;
use crate::caller;
use crate::clock::Timestamp;
use crate::connection::store::{COLUMNS, read};
use crate::db::{self, Constants, Db, Row, json, named, sql};
use crate::freeze::store::{COVER, NAMING, cover};
use crate::secret::TokenHash;

const OF_CALLER: &str = "ca.status AS caller_status, allowed.app_id AS allowed_app_id, ";
const OF_APP: &str = "ap.key AS app_key, ap.status AS app_status, ap.issuer_id AS app_issuer_id, \
    ap.permissions AS app_permissions, ap.direct AS app_direct";
const OF_ACCOUNT: &str = ", ac.issuer AS account_issuer, ac.subject AS account_subject, ac.name AS account_name, \
    ac.email AS account_email, ac.claims AS account_claims, ac.claims_at, ac.last_sign_in_at, \
    ac.created_at AS account_made_at";

const NAMING_CALLER: &str = " OR (f.scope = 'caller' AND f.target = ca.id)";

/// Of a caller that shows no key now.
const OF_KEYS: &str = "CASE WHEN EXISTS (SELECT 1 FROM api_keys k WHERE k.caller_id = ca.id AND k.revoked_at IS NULL) \
    THEN 1 ELSE 0 END AS caller_has_a_key, ";

/// What is selected of key, caller, connection, app, account and freezes; see [`from`].
pub(crate) fn columns(question: &Question<'_>) -> String {
    let of_asker = match question.who {
        Who::Key(_) => format!("{}, allowed.app_id AS allowed_app_id, ", caller::KEY_COLUMNS),
        Who::Caller(_) => format!("{OF_CALLER}{OF_KEYS}"),
        Who::Nobody => String::new(),
    };
    let of_account = if question.wanted.needs_account() { OF_ACCOUNT } else { "" };
    format!("{of_asker}{COLUMNS}, {OF_APP}, {COVER}{of_account}")
}

/// `$1` is the connection's id or its access token's hash, `$2` the key's hash or the caller's id: bind [`which`], and
/// [`who`] where there is one. A row for each connection and each freeze that names its use.
pub(crate) fn from(question: &Question<'_>) -> String {
    let which = match question.which {
        Which::Id(_) | Which::Verified { .. } | Which::Issued(_) => "c.id = $1",
        Which::AccessToken(_) => "(c.access_token_hash = $1 OR c.previous_access_token_hash = $1)",
    };
    let begin = match question.who {
        Who::Key(_) => format!(
            "FROM api_keys k JOIN callers ca ON ca.id = k.caller_id LEFT JOIN connections c ON {which}"
        ),
        Who::Caller(_) => format!("FROM callers ca LEFT JOIN connections c ON {which}"),
        Who::Nobody => "FROM connections c".to_owned(),
    };
    let (allowed, naming_caller) = match question.who {
        Who::Key(_) | Who::Caller(_) => (
            "LEFT JOIN caller_apps allowed ON allowed.caller_id = ca.id AND allowed.app_id = c.app_id",
            NAMING_CALLER,
        ),
        Who::Nobody => ("", ""),
    };
    let account = if question.wanted.needs_account() {
        "LEFT JOIN accounts ac ON ac.id = c.account_id AND ac.status = 'active'"
    } else {
        ""
    };
    format!(
        "{begin} LEFT JOIN vault_keys v ON v.kid = c.data_kid LEFT JOIN apps ap ON ap.id = c.app_id {allowed} {account} \
         LEFT JOIN freezes f ON {NAMING}{naming_caller}"
    )
}

/// Of [`from`], those that are asked for.
pub(crate) fn filter(question: &Question<'_>) -> &'static str {
    match (question.who, question.which) {
        (Who::Key(_), _) => "WHERE k.key_hash = $2",
        (Who::Caller(_), _) => "WHERE ca.id = $2",
        (Who::Nobody, Which::AccessToken(_)) => {
            "WHERE (c.access_token_hash = $1 OR c.previous_access_token_hash = $1)"
        }
        (Who::Nobody, _) => "WHERE c.id = $1",
    }
}

/// What `$1` is. What cannot be an id is looked for all the same, as nothing: who asks is judged first.
pub(crate) fn which<'a>(question: &Question<'a>) -> &'a str {
    match question.which {
        Which::AccessToken(hash) => hash.as_str(),
        which => which.id().filter(|id| crate::connection::is_id(id)).unwrap_or_default(),
    }
}

/// What `$2` is.
pub(crate) fn who<'a>(question: &Question<'a>) -> Option<&'a str> {
    match question.who {
        Who::Key(hash) => Some(hash.as_str()),
        Who::Caller(id) => Some(id),
        Who::Nobody => None,
    }
}

pub(super) async fn load(db: &Db, question: &Question<'_>) -> Result<Facts, db::Error> {
    // Only constants of ours are joined here.
    let select = Constants(format!("SELECT {} {} {}", columns(question), from(question), filter(question)));
    let mut query = sql(select).bind(which(question));
    if let Some(who) = who(question) {
        query = query.bind(who);
    }
    facts(&query.all(db).await?, question)
}

/// From the rows of [`columns`].
pub(crate) fn facts(rows: &[Row], question: &Question<'_>) -> Result<Facts, db::Error> {
    let first = rows.first();
    let asker = match question.who {
        Who::Key(_) => Asker::Key(first.map(caller::read_key).transpose()?.map(Arc::new)),
        Who::Caller(id) => Asker::Caller {
            id: id.to_owned(),
            is_active: first.map(caller::is_active).transpose()?.unwrap_or_default(),
            has_a_key: first.map(|row| row.flag("caller_has_a_key")).transpose()?.unwrap_or_default(),
        },
        Who::Nobody => Asker::Nobody,
    };
    let mut all: Vec<Found> = Vec::new();
    for row in rows {
        let (Some(id), Some(_)) = (text(row, "id")?, text(row, "app_status")?) else { continue };
        let known = all.iter().position(|found| found.connection.id == id);
        let known = if let Some(known) = known {
            known
        } else {
            all.push(found(row, question)?);
            all.len() - 1
        };
        let found = &mut all[known];
        let cover = cover(row)?.filter(|cover| cover.names(found.used_by(&asker)));
        found.freezes.extend(cover.map(Arc::new));
    }
    Ok(Facts::new(question, asker, all))
}

fn found(row: &Row, question: &Question<'_>) -> Result<Found, db::Error> {
    let connection = read(row)?;
    let account = if question.wanted.needs_account() { account(row, &connection.account_id)? } else { None };
    Ok(Found {
        connection: Arc::new(connection),
        app: OfApp {
            key: row.get("app_key")?,
            status: named(row, "app_status")?,
            issuer_id: row.get("app_issuer_id")?,
            permissions: text(row, "app_permissions")?
                .map(|_| json(row, "app_permissions"))
                .transpose()?
                .map(Arc::new),
            may_be_direct: text(row, "app_direct")?.is_some(),
        },
        is_allowed: match question.who {
            Who::Key(_) | Who::Caller(_) => text(row, "allowed_app_id")?.is_some(),
            Who::Nobody => false,
        },
        account: account.map(Arc::new),
        freezes: Vec::new(),
    })
}

fn account(row: &Row, id: &str) -> Result<Option<Account>, db::Error> {
    let Some(issuer) = text(row, "account_issuer")? else { return Ok(None) };
    Ok(Some(Account {
        id: id.to_owned(),
        issuer,
        subject: row.get("account_subject")?,
        name: row.get("account_name")?,
        email: row.get("account_email")?,
        claims: json(row, "account_claims")?,
        claims_at: json(row, "claims_at")?,
        signed_in_at: Timestamp::from_unix(row.get("last_sign_in_at")?),
        made_at: Timestamp::from_unix(row.get("account_made_at")?),
    }))
}

fn text(row: &Row, column: &str) -> Result<Option<String>, db::Error> {
    row.get(column)
}

/// The connections that have this access token, as their current or their previous one.
pub(super) async fn ids_by_access_token(db: &Db, hash: &TokenHash) -> Result<Vec<String>, db::Error> {
    let select = "SELECT c.id FROM connections c \
        WHERE c.access_token_hash = $1 OR c.previous_access_token_hash = $1 ORDER BY c.id";
    let rows = sql(select).bind(hash.as_str()).all(db).await?;
    rows.iter().map(|row| row.get("id")).collect()
}
