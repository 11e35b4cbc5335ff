//! The SQL of what a person sees of their connections. A page of the list is one range of an index, or one for each
//! app that a search finds, whichever page it is and however many connections there are.

use crate::clock::Timestamp;
use crate::connection::status::{Cause, Status};
use crate::connection::store::merged;
use crate::connection::{ExternalIdentity, is_id};
use crate::db::{self, Constants, Db, Row, moment, named, sql};
use crate::freeze::selection::{Cover, Use};
use crate::freeze::store::{COVER, NAMING, cover};

/// One row of the Connected apps page.
pub struct Listed {
    pub id: String,
    pub status: Status,
    pub cause: Option<Cause>,
    app_id: String,
    issuer_id: String,
    pseudonym: Option<String>,
    account_pseudonym: Option<String>,
    consented_at: Timestamp,
    pub external: ExternalIdentity,
    /// Whether its app signs people in by itself.
    pub direct: bool,
    pub connected_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    /// When it was last used, else connected.
    sorted_by: i64,
    pub app_key: String,
    pub app_name: String,
    pub has_logo: bool,
    pub issuer_name: String,
    /// What the freezes cover that name it.
    pub freezes: Vec<Cover>,
}

impl Listed {
    /// As a freeze judges it, of its person.
    pub fn used<'a>(&'a self, account_id: &'a str) -> Use<'a> {
        Use {
            connection_id: &self.id,
            pseudonym: self.pseudonym.as_deref(),
            account_id,
            account_pseudonym: self.account_pseudonym.as_deref(),
            app_id: &self.app_id,
            issuer_id: &self.issuer_id,
            caller_id: None,
            consented_at: self.consented_at,
        }
    }
}

/// The list's two parts, in their order: what needs the person, and the rest. What is revoked is in neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Waiting,
    Rest,
}

impl Part {
    const ALL: [Self; 2] = [Self::Waiting, Self::Rest];

    const fn of(status: Status) -> Self {
        if matches!(status, Status::NeedsReconnect) { Self::Waiting } else { Self::Rest }
    }

    const fn rank(self) -> i64 {
        match self {
            Self::Waiting => 0,
            Self::Rest => 1,
        }
    }

    /// The condition of the part's indexes, letter by letter.
    const fn condition(self) -> &'static str {
        match self {
            Self::Waiting => "k.status = 'needs_reconnect' AND k.connected_at >= 0",
            Self::Rest => "k.status NOT IN ('needs_reconnect', 'revoked') AND k.connected_at >= 0",
        }
    }
}

/// A place in the list: the page after it begins with the next row, however many came before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    part: Part,
    listed_at: i64,
    id: String,
}

impl Mark {
    pub fn of(listed: &Listed) -> Self {
        Self { part: Part::of(listed.status), listed_at: listed.sorted_by, id: listed.id.clone() }
    }

    /// From its text; None for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (rank, rest) = text.split_once('-')?;
        let (listed_at, id) = rest.split_once('-')?;
        let part = Part::ALL.into_iter().find(|part| part.rank().to_string() == rank)?;
        let id = Some(id.to_owned()).filter(|id| is_id(id))?;
        Some(Self { part, listed_at: listed_at.parse().ok()?, id })
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}-{}-{}", self.part.rank(), self.listed_at, self.id)
    }
}

/// A person's connections, those of these apps where some are named, but not what is over on both sides: first what
/// needs them, then the last used.
pub async fn list(
    db: &Db,
    account_id: &str,
    apps: Option<&[String]>,
    after: Option<&Mark>,
    limit: i64,
) -> Result<Vec<Listed>, db::Error> {
    let keys = merged(&ranges(apps, after), WITHIN, ACROSS, limit);
    // The keys first, alone: no join can then tempt a planner away from the index.
    let select = Constants(format!(
        "SELECT c.id, c.status, c.cause, c.external_issuer, c.external_subject, c.direct, c.connected_at, c.last_used_at, c.listed_at, \
            ap.key AS app_key, ap.name AS app_name, CASE WHEN ap.logo IS NULL THEN 'no' ELSE 'yes' END AS has_logo, \
            i.name AS issuer_name, ap.id AS app_id, i.id AS issuer_id, c.consented_at, \
            c.pseudonym, c.account_pseudonym, {COVER} \
         FROM ({keys}) keys JOIN connections c ON c.id = keys.id JOIN apps ap ON ap.id = c.app_id \
         JOIN issuers i ON i.id = ap.issuer_id LEFT JOIN freezes f ON {NAMING} \
         ORDER BY keys.rank, keys.listed_at DESC, keys.id DESC"
    ));
    let mut query = sql(select).bind(account_id);
    if let Some(mark) = after {
        query = query.bind(mark.listed_at).bind(&mark.id);
    }
    for app_id in apps.unwrap_or_default() {
        query = query.bind(app_id);
    }
    let mut listed: Vec<Listed> = Vec::new();
    // A row for each freeze; those of one connection stand together.
    for row in &query.all(db).await? {
        let id: String = row.get("id")?;
        if listed.last().is_none_or(|last| last.id != id) {
            listed.push(read_listed(row)?);
        }
        if let (Some(last), Some(cover)) = (listed.last_mut(), cover(row)?) {
            last.freezes.push(cover);
        }
    }
    Ok(listed)
}

/// A part's own order, without the part: SQLite would sort by it though it is always the same.
const WITHIN: &str = "listed_at DESC, id DESC";
const ACROSS: &str = "rank, listed_at DESC, id DESC";

/// `$1` is the account, then the mark where there is one, then the apps.
fn ranges(apps: Option<&[String]>, after: Option<&Mark>) -> Vec<String> {
    let parts = Part::ALL.into_iter().filter(|part| after.is_none_or(|mark| mark.part <= *part));
    let first_app = if after.is_some() { 4 } else { 2 };
    let of_part = |part: Part| {
        let begun = after.is_some_and(|mark| mark.part == part);
        let after = if begun { " AND (k.listed_at, k.id) < ($2, $3)" } else { "" };
        format!(
            "SELECT {} AS rank, k.listed_at, k.id FROM connections k WHERE k.account_id = $1 AND {}{after}",
            part.rank(),
            part.condition()
        )
    };
    let of_apps = |range: String| match apps {
        None => vec![range],
        Some(apps) => {
            (first_app..first_app + apps.len()).map(|app| format!("{range} AND k.app_id = ${app}")).collect()
        }
    };
    parts.map(of_part).flat_map(of_apps).collect()
}

/// The apps that a person is or was connected to: id and name.
pub async fn apps(db: &Db, account_id: &str) -> Result<Vec<(String, String)>, db::Error> {
    let select = "SELECT a.id, a.name FROM apps a \
        WHERE EXISTS (SELECT 1 FROM connections k WHERE k.app_id = a.id AND k.account_id = $1)";
    let rows = sql(select).bind(account_id).all(db).await?;
    rows.iter().map(|row| Ok((row.get("id")?, row.get("name")?))).collect()
}

/// The name of the app of a person's own connection.
pub async fn app_name(db: &Db, account_id: &str, id: &str) -> Result<Option<String>, db::Error> {
    if !is_id(id) {
        return Ok(None);
    }
    let select = "SELECT a.name FROM connections c JOIN apps a ON a.id = c.app_id WHERE c.id = $1 AND c.account_id = $2";
    let row = sql(select).bind(id).bind(account_id).optional(db).await?;
    row.map(|row| row.get("name")).transpose()
}

fn read_listed(row: &Row) -> Result<Listed, db::Error> {
    Ok(Listed {
        id: row.get("id")?,
        status: named(row, "status")?,
        cause: row.get::<Option<String>>("cause")?.and_then(|cause| cause.parse().ok()),
        app_id: row.get("app_id")?,
        issuer_id: row.get("issuer_id")?,
        pseudonym: row.get("pseudonym")?,
        account_pseudonym: row.get("account_pseudonym")?,
        consented_at: Timestamp::from_unix(row.get("consented_at")?),
        external: ExternalIdentity {
            issuer: row.get("external_issuer")?,
            subject: row.get("external_subject")?,
        },
        direct: row.get::<i64>("direct")? == 1,
        connected_at: Timestamp::from_unix(row.get("connected_at")?),
        last_used_at: moment(row, "last_used_at")?,
        sorted_by: row.get("listed_at")?,
        app_key: row.get("app_key")?,
        app_name: row.get("app_name")?,
        has_logo: row.get::<String>("has_logo")? == "yes",
        issuer_name: row.get("issuer_name")?,
        freezes: Vec::new(),
    })
}
