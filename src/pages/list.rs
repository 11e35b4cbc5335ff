//! `/account/connected-apps`: everything the person has connected.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::in_words::state;
use super::store;
use super::store::{Listed, Mark};
use crate::Broker;
use crate::account::Account;
use crate::app::pages::face_of;
use crate::clock::Timestamp;
use crate::connection::status::Status;
use crate::db;
use crate::freeze::freezes;
use crate::web::failure::PageFailure;
use crate::web::forms::PageQuery;
use crate::web::view::{Face, Link, Page, State as StateInWords, Time};
use crate::web::{SignedInBrowser, encode, html};

/// Everything the person has connected.
#[derive(Debug, Template)]
#[template(path = "connected_apps.html")]
struct ConnectedAppsPage {
    page: Page,
    notices: Vec<Notice>,
    /// Needs-you first, then by last use.
    apps: Vec<ConnectedApp>,
    /// The query as typed; `None` hides the form (ten apps or fewer and no query).
    search: Option<String>,
    /// Next page by key, with the query kept.
    more: Option<String>,
    /// Whether something is connected that could be stopped.
    can_stop_all: bool,
}

/// One line of result, e.g. "Content Writer is connected."
#[derive(Debug, Clone)]
struct Notice {
    sentence: String,
    link: Option<Link>,
}

/// One row of the list.
#[derive(Debug, Clone)]
struct ConnectedApp {
    face: Face,
    state: StateInWords,
    connected: Time,
    last_used: Option<Time>,
    /// Who the person is at the issuer; absent when unpinned.
    identity: Option<String>,
    issuer_name: String,
    signs_in_by_itself: bool,
    /// `/account/connected-apps/{id}`
    href: String,
    /// `/connect/{app}`, where the person must act.
    reconnect: Option<String>,
}

#[derive(Deserialize)]
pub struct Query {
    q: Option<String>,
    /// The connection that was just made.
    connected: Option<String>,
    /// The connection that was just stopped.
    stopped: Option<String>,
    /// The mark of the last row of the page before.
    after: Option<String>,
}

/// Rows on one page; a search appears when there are more than [`SEARCH_FROM`].
const ROWS: i64 = 50;
const SEARCH_FROM: usize = 10;

pub async fn show(
    State(broker): State<Broker>,
    PageQuery(asked): PageQuery<Query>,
    signed_in: SignedInBrowser,
) -> Result<Response, PageFailure> {
    let query = asked
        .q
        .clone()
        .unwrap_or_default()
        .trim()
        .chars()
        .filter(|character| !character.is_control())
        .take(100)
        .collect::<String>();
    let after = asked.after.as_deref().and_then(Mark::parse);
    let mut rows = find(&broker, &signed_in.account.id, &query, after.as_ref()).await?;
    let shown = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = rows.len() > shown;
    rows.truncate(shown);
    let last = rows.last().filter(|_| more).map(Mark::of);
    let notices = notices(&broker, &signed_in, &asked).await?;
    let many = rows.len() > SEARCH_FROM || after.is_some();
    let (account, now) = (&signed_in.account, broker.clock.now());
    let page = ConnectedAppsPage {
        page: signed_in.browser.page("Connected apps"),
        notices,
        search: (many || !query.is_empty()).then(|| query.clone()),
        more: last.map(|mark| format!("/account/connected-apps?q={}&after={mark}", encode(&query))),
        can_stop_all: rows.iter().any(|listed| listed.status.is_live()),
        apps: rows.into_iter().map(|listed| row(listed, account, now)).collect(),
    };
    Ok(html(StatusCode::OK, &page))
}

/// A page's rows and one more, which tells that there are more.
async fn find(
    broker: &Broker,
    account_id: &str,
    query: &str,
    after: Option<&Mark>,
) -> Result<Vec<Listed>, db::Error> {
    if query.is_empty() {
        return store::list(&broker.db, account_id, None, after, ROWS + 1).await;
    }
    // Here and not in SQL: the two databases know different alphabets.
    let query = query.to_lowercase();
    let mut apps = store::apps(&broker.db, account_id).await?;
    apps.retain(|(_, name)| name.to_lowercase().contains(&query));
    let found: Vec<String> = apps.into_iter().map(|(id, _)| id).collect();
    if found.is_empty() {
        return Ok(Vec::new());
    }
    store::list(&broker.db, account_id, Some(&found), after, ROWS + 1).await
}

/// What has just happened, told once. Ids of others say nothing here.
async fn notices(
    broker: &Broker,
    signed_in: &SignedInBrowser,
    asked: &Query,
) -> Result<Vec<Notice>, PageFailure> {
    let mut notices = Vec::new();
    if asked.stopped.as_deref() == Some("all") {
        notices.push(Notice { sentence: "Every app was stopped.".to_owned(), link: None });
    }
    for (id, what) in [(&asked.connected, "is connected"), (&asked.stopped, "was stopped")] {
        let Some(id) = id else { continue };
        if let Some(name) = store::app_name(&broker.db, &signed_in.account.id, id).await? {
            let link =
                Link { label: "See details".to_owned(), href: format!("/account/connected-apps/{id}") };
            notices.push(Notice { sentence: format!("{name} {what}."), link: Some(link) });
        }
    }
    Ok(notices)
}

fn row(listed: Listed, account: &Account, now: Timestamp) -> ConnectedApp {
    let standing = freezes::standing(&listed.freezes, listed.used(&account.id));
    let reconnect = listed.status == Status::NeedsReconnect;
    ConnectedApp {
        face: face_of(&listed.app_key, &listed.app_name, listed.has_logo),
        state: state(listed.status, listed.cause, standing, &listed.issuer_name),
        connected: Time::of(listed.connected_at, now),
        last_used: listed.last_used_at.map(|at| Time::of(at, now)),
        identity: listed.external.in_words(account),
        issuer_name: listed.issuer_name,
        signs_in_by_itself: listed.direct,
        href: format!("/account/connected-apps/{}", listed.id),
        reconnect: reconnect.then(|| format!("/connect/{}?connection={}", listed.app_key, listed.id)),
    }
}
