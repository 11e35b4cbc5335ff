//! `/account/connected-apps/{id}`: one connection: what it may do, what it did, how to stop it.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::activity::{Event, event, times};
use super::choice::{Choices, Now};
use super::in_words::{home_page, permissions, state};
use super::permits;
use super::receipt_in_words;
use super::receipt_in_words::Step;
use super::trouble;
use crate::Broker;
use crate::app::pages::face;
use crate::app::{App, ScopeRule};
use crate::clock::Timestamp;
use crate::connection;
use crate::connection::look_up::of_account;
use crate::connection::status::Status;
use crate::connection::{Connection, store};
use crate::content::overview;
use crate::error::Error;
use crate::freeze::freezes;
use crate::freeze::freezes::Standing;
use crate::freeze::selection;
use crate::issuer::revocation_endpoint::CanBeTold;
use crate::issuer::scope::Scopes;
use crate::ledger::{self, DayOfUse};
use crate::revoke::receipt::{Ended, receipt};
use crate::revoke::tell::can_be_told;
use crate::web::failure::PageFailure;
use crate::web::forms::PageQuery;
use crate::web::view::{Environment, Face, HomePage, Page, Permissions, State as StateInWords, Time};
use crate::web::{SignedInBrowser, html};

/// One connection: what it may do, what it did, how to stop it.
#[derive(Debug, Template)]
#[template(path = "connected_app.html")]
struct ConnectedAppPage {
    page: Page,
    app: Face,
    issuer_name: String,
    state: StateInWords,
    /// What is wrong, if something is.
    trouble: Option<String>,
    reconnect: Option<String>,
    /// The way into a pause, or out of it; absent once it is over.
    pause: Option<Pause>,
    ending: Ending,
    /// Whether it signs in by itself, and nobody agreed to it here.
    signs_in_by_itself: bool,
    permissions: Permissions,
    /// Asked for at the last consent, and not granted.
    not_given: Permissions,
    /// What the app asks for by now, and never asked this person for.
    wants_more: Permissions,
    /// What it could do without; empty where there is nothing to choose from.
    narrow: Permissions,
    /// Where the person consents anew.
    connect: String,
    connection_id: String,
    environments: Vec<Environment>,
    /// When it ends because the person said so.
    until: Option<Time>,
    /// What the person may choose anew.
    change: Option<Choices>,
    /// Whether that was just done.
    changed: bool,
    identity: Option<String>,
    connected: Time,
    last_used: Option<Time>,
    /// When the issuer ends it whatever happens, where it does.
    good_until: Option<Time>,
    home_page: Option<HomePage>,
    use_of_30_days: Use,
    callers: Vec<Caller>,
    /// Newest first.
    activity: Vec<Event>,
    /// Next page of activity by key.
    older: Option<String>,
    /// Back to the newest, when this is not where it is.
    newest: Option<String>,
    /// This page's own path, for "Look again" and "Keep access".
    here: String,
}

/// Either it can be stopped, or here is what stopping did.
#[derive(Debug, Clone)]
enum Ending {
    CanStop(Stop),
    /// Oldest first.
    Receipt(Vec<Step>),
}

impl Ending {
    /// Whether access is over.
    fn has_ended(&self) -> bool {
        matches!(self, Self::Receipt(_))
    }

    /// Whether a step of the receipt is still to come.
    fn is_waiting(&self) -> bool {
        matches!(self, Self::Receipt(steps) if steps.iter().any(|step| step.at.is_none()))
    }
}

/// The person's own pause.
#[derive(Debug, Clone)]
struct Pause {
    /// Where the button posts to.
    href: String,
    is_paused: bool,
}

/// What stopping would do.
#[derive(Debug, Clone)]
struct Stop {
    /// `/account/connected-apps/{id}/revoke`
    href: String,
    /// When the last thing handed out ends by itself; `None` when nothing is out.
    already_out: Option<Time>,
    issuer: CanBeTold,
}

/// A function that used the connection.
#[derive(Debug, Clone)]
struct Caller {
    name: String,
    /// In the last 30 days.
    uses: u64,
    last: Time,
}

impl Caller {
    fn times(&self) -> String {
        times(self.uses)
    }
}

/// Thirty days as bars.
#[derive(Debug, Clone)]
struct Use {
    total: u64,
    /// Oldest first, the days without use included.
    days: Vec<Day>,
}

/// One day's bar, in the chart's own units.
#[derive(Debug, Clone)]
struct Day {
    label: String,
    count: u64,
    x: u64,
    height: u64,
}

impl Use {
    /// Height of the chart in its own units.
    const HEIGHT: u64 = 60;
    /// Width of one day, gap included.
    const DAY: u64 = 10;

    /// Scales (label, count) of each day, oldest first. A day with any use shows at least a sliver.
    fn of(days: impl IntoIterator<Item = (String, u64)>) -> Self {
        let days: Vec<(String, u64)> = days.into_iter().collect();
        let most = days.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
        let total = days.iter().map(|(_, count)| count).sum();
        let days = (0..)
            .zip(days)
            .map(|(index, (label, count))| {
                let height = count.saturating_mul(Self::HEIGHT) / most;
                let height = if count == 0 { 0 } else { height.max(2) };
                Day { label, count, x: index * Self::DAY, height }
            })
            .collect();
        Self { total, days }
    }

    /// Width of the chart in its own units.
    fn width(&self) -> usize {
        // The last day ends with its bar, without a gap.
        (self.days.len() * 10).saturating_sub(3)
    }

    /// Height of the chart in its own units.
    const fn height() -> u64 {
        Self::HEIGHT
    }

    /// "once", "214 times".
    fn times(&self) -> String {
        times(self.total)
    }

    /// When that was: the one day, or the day with the most.
    fn busiest(&self) -> String {
        let Some(day) = self.days.iter().max_by_key(|day| day.count) else { return String::new() };
        match day.count {
            count if count == self.total => format!("on {}", day.label),
            count => format!("most often on {} ({count})", day.label),
        }
    }
}

impl Day {
    /// Where the bar begins, counted from the top.
    fn y(&self) -> u64 {
        Use::HEIGHT - self.height
    }
}

/// How many lines of activity a page shows.
const LINES: i64 = 50;
const DAYS: i64 = 30;

#[derive(Deserialize)]
pub struct Query {
    /// The number of the last line of the activity before.
    before: Option<String>,
    /// The person comes from changing what they chose.
    changed: Option<String>,
}

/// The id of the form that changes what was chosen.
const FORM: &str = "choice";

pub async fn show(
    State(broker): State<Broker>,
    Path(id): Path<String>,
    PageQuery(asked): PageQuery<Query>,
    signed_in: SignedInBrowser,
) -> Result<Response, PageFailure> {
    let account = &signed_in.account;
    if !connection::is_id(&id) {
        return Err(Error::ConnectionNotFound.into());
    }
    let before = asked.before.and_then(|before| before.parse().ok());
    // Read before the connection, so that no activity is newer than the state and the receipt above it.
    let mut lines = ledger::of_connection(&broker, &id, before, LINES + 1).await?;
    let shown = usize::try_from(LINES).unwrap_or(usize::MAX);
    let more = lines.len() > shown;
    lines.truncate(shown);
    let last = lines.last().filter(|_| more).map(|line| line.seq);
    let connection = of_account(&broker, &account.id, &id).await?;
    let here = format!("/account/connected-apps/{}", connection.id);
    let app = crate::app::by_id(&broker, &connection.app_id).await?.ok_or(Error::ConnectionNotFound)?;
    let open = overview::of_person(&broker, &app, account).await?;
    let now = broker.clock.now();
    let today = now.unix().div_euclid(86_400);
    let uses = ledger::use_by_day(&broker, &connection.id, today - DAYS + 1).await?;
    let reconnect = connection.status == Status::NeedsReconnect;
    let freezes = freezes::of_connection(&broker, &connection.id).await?;
    let judged = selection::Use::of(&connection, &app.issuer.id, None);
    let standing = if connection.is_live() { freezes::standing(&freezes, judged) } else { Standing::Free };
    let is_paused = freezes.iter().any(|cover| cover.is_pause_of(judged));
    let granted = &connection.granted_scopes;
    let requested = store::requested_scopes(&broker.db, &connection.id).await?;
    let of_live =
        |scopes: Scopes| if connection.is_live() { scopes.permissions() } else { Scopes::default() };
    let not_given = of_live(requested.without(granted));
    // Who was never asked here has declined nothing.
    let asked_for = if connection.direct { app.scopes.clone() } else { requested.union(granted) };
    let wants_more = of_live(app.scopes.without(&asked_for));
    let page = ConnectedAppPage {
        page: signed_in.browser.page(app.name.clone()),
        app: face(&app),
        issuer_name: app.issuer.name.clone(),
        state: state(connection.status, connection.cause, standing, &app.issuer.name),
        trouble: trouble::sentence(&connection, standing, &app.issuer.name, now),
        reconnect: reconnect.then(|| format!("/connect/{}?connection={}", app.key, connection.id)),
        pause: connection.is_live().then(|| Pause {
            href: format!("{here}/{}", if is_paused { "resume" } else { "pause" }),
            is_paused,
        }),
        ending: ending(&broker, &connection, &app, now).await?,
        signs_in_by_itself: connection.direct,
        permissions: permissions(&app, granted, granted),
        not_given: permissions(&app, &not_given, &not_given),
        wants_more: permissions(&app, &wants_more, &wants_more),
        narrow: (connection.is_live() && app.scope_rule == ScopeRule::Union)
            .then(|| permissions(&app, &granted.permissions(), granted))
            .filter(|permissions| permissions.len() > 1)
            .unwrap_or_default(),
        connect: format!("/connect/{}", app.key),
        connection_id: connection.id.clone(),
        environments: permits::of_connection(&open, &app, account, &connection, now),
        until: connection.consent_expires_at.map(|at| Time::of(at, now)),
        change: connection.is_live().then(|| {
            let holds = Now::Chosen(connection.consent_expires_at, &connection.allowed);
            Choices::of(FORM, &open, holds, now)
        }),
        changed: asked.changed.is_some(),
        identity: connection.external.in_words(account),
        connected: Time::of(connection.connected_at, now),
        last_used: connection.last_used_at.map(|at| Time::of(at, now)),
        good_until: connection
            .refresh_expires_at
            .filter(|_| connection.is_live())
            .map(|at| Time::of(at, now)),
        home_page: home_page(&app),
        use_of_30_days: by_day(&uses, today),
        callers: callers(&uses, now),
        activity: lines.iter().map(|line| event(line, &app.issuer.name, now)).collect(),
        older: last.map(|seq| format!("{here}?before={seq}#activity")),
        newest: before.map(|_| format!("{here}#activity")),
        here,
    };
    Ok(html(StatusCode::OK, &page))
}

async fn ending(
    broker: &Broker,
    connection: &Connection,
    app: &App,
    now: Timestamp,
) -> Result<Ending, Error> {
    let time = |at| Time::of(at, now);
    let issuer = &app.issuer;
    let ended = Ended {
        id: &connection.id,
        status: connection.status,
        cause: connection.cause,
        revoked_at: connection.revoked_at,
        revoked_upstream_at: connection.revoked_upstream_at,
    };
    let Some(receipt) = receipt(broker, ended).await? else {
        return Ok(Ending::CanStop(Stop {
            href: format!("/account/connected-apps/{}/revoke", connection.id),
            already_out: connection.last_used_at.and(connection.access_expires_at).map(time),
            issuer: can_be_told(broker, app, connection),
        }));
    };
    Ok(Ending::Receipt(receipt_in_words::steps(
        &receipt,
        &issuer.name,
        can_be_told(broker, app, connection),
        now,
    )))
}

fn by_day(uses: &[DayOfUse], today: i64) -> Use {
    let mut times: BTreeMap<i64, u64> = (today - DAYS + 1..=today).map(|day| (day, 0)).collect();
    for used in uses {
        *times.entry(used.day).or_default() += u64::try_from(used.times).unwrap_or_default();
    }
    Use::of(times.into_iter().map(|(day, count)| (Timestamp::from_unix(day * 86_400).day(), count)))
}

fn callers(uses: &[DayOfUse], now: Timestamp) -> Vec<Caller> {
    let mut callers: BTreeMap<String, (u64, Timestamp)> = BTreeMap::new();
    for used in uses {
        let name = used.caller.clone().unwrap_or_else(|| "The app itself".to_owned());
        let (times, last) = callers.entry(name).or_insert((0, used.last_at));
        *times += u64::try_from(used.times).unwrap_or_default();
        *last = (*last).max(used.last_at);
    }
    let caller =
        |(name, (uses, last)): (String, (u64, Timestamp))| Caller { name, uses, last: Time::of(last, now) };
    callers.into_iter().map(caller).collect()
}
