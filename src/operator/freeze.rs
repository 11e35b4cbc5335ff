//! The operator's freezes: made, lifted and listed; and what one would reach.

use super::output::Output;
use super::select::{NamedSelection, in_words, select};
use crate::Broker;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::freeze::freezes;
use crate::freeze::freezes::Freeze;
use crate::freeze::reach;
use crate::freeze::reach::Survey;
use crate::freeze::selection::{OPERATOR, Scope, Selection, Why};

/// # Errors
/// [`Error::InvalidRequest`] for what is not there, or without a reason.
pub async fn freeze(broker: &Broker, asked: &NamedSelection, reason: &str) -> Result<Output, Error> {
    let (selection, why) = (select(broker, asked).await?, Why::operator(given(reason)?));
    let frozen = freezes::freeze(broker, &selection, &why).await?;
    let words = in_words(broker, &selection).await?;
    let reached = reach::count(broker, &selection).await?;
    Ok(Output::of(vec![
        format!("{} is frozen: {words}.", frozen.id),
        format!("From now on nothing is handed out of it ({reached} live connections). No grant is lost."),
        format!("  attache unfreeze {}", frozen.id),
    ]))
}

/// # Errors
/// [`Error::InvalidRequest`] for an empty one.
pub fn given(reason: &str) -> Result<&str, Error> {
    let reason = reason.trim();
    if reason.is_empty() || reason.len() > 1000 || reason.contains(char::is_control) {
        let sentence = "A reason is needed: one line, for whoever reads the ledger later.";
        return Err(Error::InvalidRequest(sentence.to_owned()));
    }
    Ok(reason)
}

/// # Errors
/// As [`freezes::unfreeze`].
pub async fn unfreeze(broker: &Broker, id: &str) -> Result<Output, Error> {
    let lifted = freezes::unfreeze(broker, id, OPERATOR).await?;
    let words = in_words(broker, &lifted.selection).await?;
    Ok(Output::of(vec![format!("{id} is lifted: {words} goes on, unless another freeze covers it.")]))
}

/// # Errors
/// When the database does not answer.
pub async fn list(broker: &Broker) -> Result<Output, Error> {
    let (freezes, pauses) = freezes::all(broker).await?;
    let mut lines = Vec::new();
    for Freeze { id, selection, why, part_of, since, .. } in &freezes {
        let part = part_of.as_ref().map(|whole| format!("\tpart of {whole}")).unwrap_or_default();
        let words = in_words(broker, selection).await?;
        lines.push(format!("{id}\t{since}\t{}\t{words}\t{}{part}", why.actor, why.reason));
    }
    if freezes.is_empty() {
        lines.push("Nothing is frozen.".to_owned());
    }
    if pauses > 0 {
        lines.push(format!("Beside these, {pauses} connections are paused by their own people."));
    }
    Ok(Output::of(lines))
}

/// What a freeze or a mass revoke of this would reach.
///
/// # Errors
/// [`Error::InvalidRequest`] for what is not there.
pub async fn dry_run(broker: &Broker, asked: &NamedSelection, limit: u32) -> Result<Output, Error> {
    let selection = select(broker, asked).await?;
    let found = reach::survey(broker, &selection, limit.clamp(1, 10_000)).await?;
    Ok(Output::of(told(&in_words(broker, &selection).await?, &selection, &found)))
}

fn told(words: &str, selection: &Selection, found: &Survey) -> Vec<String> {
    let used =
        |at: Option<Timestamp>| at.map_or_else(|| "never used".to_owned(), |at| format!("last used {at}"));
    let mut lines = vec![
        format!("Dry run, nothing is changed: {words}."),
        format!("  people            {}", found.people),
        format!("  live connections  {}", found.connections),
        format!("  used in a day     {}", found.used_lately),
        format!(
            "  last use          {}",
            found.last_used_at.map_or_else(|| "never".to_owned(), |at| at.to_string())
        ),
    ];
    let reaches_further = match selection.scope {
        Scope::Account => {
            Some("also an account that the same person makes after a deletion, while the freeze lasts")
        }
        Scope::Connection => Some(
            "also what its person connects anew, to the same app as the same identity, while the freeze lasts",
        ),
        Scope::Caller => Some("those of the apps that the caller is allowed; other callers go on"),
        Scope::App | Scope::Issuer | Scope::All => None,
    };
    lines.extend(reaches_further.map(|further| format!("  {further}")));
    lines.push("apps".to_owned());
    lines.extend(found.apps.iter().map(|app| {
        format!(
            "  {}\t{} connections\t{} people\t{}",
            app.key,
            app.connections,
            app.people,
            used(app.last_used_at)
        )
    }));
    lines.push(head("people", found.accounts.len(), found.people));
    lines.extend(found.accounts.iter().map(|account| {
        let last = used(account.last_used_at);
        format!("  {}\t{} connections\t{last}", account.person, account.connections)
    }));
    lines.push(head("connections", found.grants.len(), found.connections));
    lines.extend(found.grants.iter().map(|grant| {
        let last = used(grant.last_used_at);
        let (id, app, person, status) = (&grant.id, &grant.app_key, &grant.person, &grant.status);
        let agreed = match grant.consented_at {
            // As a direct connection has it, whose app does not say.
            unknown if unknown == Timestamp::from_unix(0) => "not agreed to here".to_owned(),
            at => format!("agreed to {at}"),
        };
        format!("  {id}\t{app}\t{person}\t{status}\t{agreed}\t{last}")
    }));
    lines
}

/// A list's name, and how much of it is shown.
fn head(name: &str, shown: usize, total: i64) -> String {
    if i64::try_from(shown).is_ok_and(|shown| shown < total) {
        format!("{name} (the first {shown} of {total}; --limit shows more)")
    } else {
        name.to_owned()
    }
}
