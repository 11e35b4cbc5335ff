//! What an operator is told of one connection: how it is, and the record of each request about it, newest first. Opens no
//! secret.

use super::apps;
use super::output::Output;
use super::select::named;
use crate::Broker;
use crate::account::{self, Account};
use crate::clock::Timestamp;
use crate::connection::look_up;
use crate::connection::{self, Connection};
use crate::error::Error;
use crate::issuer::transcript::Transcript;
use crate::ledger::{self, Line};

/// Entries of the ledger that are shown.
const ENTRIES: i64 = 30;

/// # Errors
/// [`Error::InvalidRequest`] for what is no connection's id; [`Error::ConnectionNotFound`].
pub async fn show(broker: &Broker, id: &str) -> Result<Output, Error> {
    if !connection::is_id(id) {
        return Err(Error::InvalidRequest(format!("`{id}` is no connection's id; those begin with Et.")));
    }
    let connection = look_up::by_id(broker, id).await?.ok_or(Error::ConnectionNotFound)?;
    let app = crate::app::by_id(broker, &connection.app_id).await?.ok_or(Error::AppNotFound)?;
    let mut lines = vec![format!("{id}: {} at {}", app.key, app.issuer.key)];
    let account = account::by_id(broker, &connection.account_id).await?;
    let person = named(broker, &connection.account_id).await?;
    let identity = identity(&connection, account.as_deref());
    let facts = facts(&connection, person, identity, broker.clock.now());
    lines.extend(facts.into_iter().map(|(name, value)| format!("  {name:<14} {value}")));
    if connection.is_live()
        && let Some(warning) = apps::lasts(broker, &app).await
    {
        lines.push(format!("  {} {warning}", app.key));
    }
    lines.push(String::new());
    for entry in ledger::of_connection(broker, id, None, ENTRIES).await? {
        lines.extend(told(&entry));
    }
    Ok(Output::of(lines))
}

fn facts(
    connection: &Connection,
    person: String,
    identity: String,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let moment = |at: Timestamp| format!("{at} ({})", at.human(now));
    let or_none = |at: Option<Timestamp>, none: &str| at.map_or_else(|| none.to_owned(), moment);
    let cause = connection.cause.map(|cause| format!(", {}", <&str>::from(cause))).unwrap_or_default();
    let access = match (&connection.access_token, connection.access_expires_at) {
        (None, _) => "none".to_owned(),
        (Some(_), None) => "held; the issuer did not say until when".to_owned(),
        (Some(_), Some(ends)) => format!("held until {}", moment(ends)),
    };
    let refresh = match (&connection.refresh_token, connection.refresh_expires_at) {
        (None, _) if connection.direct => "none: the app signs in by itself".to_owned(),
        (None, _) if connection.is_live() => {
            "none: when the access token ends, the person must connect the app again".to_owned()
        }
        (None, _) => "none".to_owned(),
        (Some(_), None) => "held".to_owned(),
        (Some(_), Some(ends)) => format!("held until {} at the latest", moment(ends)),
    };
    vec![
        ("status", format!("{}{cause}", connection.status)),
        ("account", person),
        ("identity", identity),
        ("scopes", connection.granted_scopes.to_string()),
        ("access token", access),
        ("refresh token", refresh),
        ("generation", connection.generation.to_string()),
        ("lease", or_none(connection.lease_until, "none")),
        ("asked again", or_none(connection.retry_at, "when somebody needs it")),
        ("connected", moment(connection.connected_at)),
        ("refreshed", or_none(connection.refreshed_at, "never")),
        ("last used", or_none(connection.last_used_at, "never")),
        ("revoked", or_none(connection.revoked_at, "no")),
    ]
}

/// Who agreed at the issuer: by e-mail or name too, where that is who is signed in here.
fn identity(connection: &Connection, account: Option<&Account>) -> String {
    let external = &connection.external;
    if !external.is_pinned() {
        return format!("not pinned at {}", external.issuer);
    }
    let familiar = account.and_then(|account| external.in_words(account));
    match familiar.filter(|familiar| *familiar != external.subject) {
        Some(familiar) => format!("{familiar} (subject {}) at {}", external.subject, external.issuer),
        None => format!("{} at {}", external.subject, external.issuer),
    }
}

/// One entry: its line, and what was recorded beside it.
fn told(entry: &Line) -> Vec<String> {
    let times = if entry.times > 1 { format!(", {} times", entry.times) } else { String::new() };
    let by = entry.caller.as_ref().map(|caller| format!(" by {caller}")).unwrap_or_default();
    let (word, sentence) = (<&str>::from(entry.action), entry.action.sentence());
    let mut lines = vec![format!("{} {word}{by}{times}: {sentence}", entry.last_at)];
    let Some(detail) = &entry.detail else { return lines };
    if let Ok(transcript) = serde_json::from_value::<Transcript>(detail.clone()) {
        let status = transcript.status.map(|status| format!("{status}, ")).unwrap_or_default();
        lines.push(format!("  asked     {}", transcript.asked));
        lines.push(format!("  answered  {status}{}", transcript.answered));
        lines.extend(transcript.hint.map(|hint| format!("  hint      {hint}")));
    } else if let Some(said) = detail["said"].as_str() {
        lines.push(format!("  said      {said}"));
    }
    lines
}
