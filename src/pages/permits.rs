//! What the content tokens of an app may do for a person, in words: the same that [`permitted`] says. Decides nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::choice::reached;
use crate::account::Account;
use crate::app::App;
use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::content::Environment;
use crate::content::overview::permitted;
use crate::content::permission::{Action, Names, Permission, Permissions};
use crate::web::view;

/// The environments that the app reaches by a connection, each with what it may do there.
#[must_use]
pub fn of_connection(
    open: &[Arc<Environment>],
    app: &App,
    account: &Account,
    connection: &Connection,
    now: Timestamp,
) -> Vec<view::Environment> {
    let one = |environment: &Arc<Environment>| {
        let permissions = permitted(environment, app, account, connection, now)?;
        let shown = reached(std::slice::from_ref(environment), &connection.allowed).pop()?;
        // What is not narrowed is said by the person's own choice.
        let is_whole = !environment.strategy.mints() || is_whole(&permissions);
        let permits = if is_whole { Vec::new() } else { permissions.iter().map(in_words).collect() };
        let may = shown.may.filter(|_| is_whole);
        Some(view::Environment { permits, may, ..shown })
    };
    open.iter().filter_map(one).collect()
}

fn is_whole(permissions: &Permissions) -> bool {
    let all = Permissions::all();
    *permissions == all || *permissions == all.only([Action::Read])
}

/// Such as «Read and update Article and Page, in the stage DRAFT».
fn in_words(permission: &Permission) -> String {
    let actions = permission.actions.iter().map(|action| <&str>::from(*action));
    let mut words = listed(actions);
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words.push(' ');
    words.push_str(&permission.models.named().map_or_else(|| "everything".to_owned(), of));
    for (names, one, several) in
        [(&permission.stages, "stage", "stages"), (&permission.locales, "locale", "locales")]
    {
        if let Names::Only(names) = names {
            let kind = if names.len() == 1 { one } else { several };
            words.push_str(&format!(", in the {kind} {}", of(names)));
        }
    }
    if let Some(condition) = &permission.condition {
        let condition = serde_json::to_string(condition).unwrap_or_default();
        words.push_str(&format!(", only where {condition}"));
    }
    words
}

fn of(names: &BTreeSet<String>) -> String {
    listed(names.iter().map(String::as_str))
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}
