//! What the content tokens of an app may do for a person, in words: the same that [`permitted`] says. Decides nothing.

use std::collections::BTreeSet;

use super::choice::named;
use crate::account::Account;
use crate::app::App;
use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::content::overview::{Open, permitted};
use crate::content::permission::{Action, Names, Permission, Permissions};
use crate::web::view;

/// The environments that the app reaches by a connection, each with what it may do there.
#[must_use]
pub fn of_connection(
    open: &[Open],
    app: &App,
    account: &Account,
    connection: &Connection,
    now: Timestamp,
) -> Vec<view::Environment> {
    let one = |open: &Open| {
        let permissions = permitted(&open.environment, app, account, connection, now)?;
        let shown = named(&open.environment);
        if open.permissions.is_none() {
            return Some(shown);
        }
        // What concerns all content is said as it was chosen.
        let may = whole(&permissions);
        let permits = if may.is_some() { Vec::new() } else { permissions.iter().map(in_words).collect() };
        Some(view::Environment { may, permits, ..shown })
    };
    open.iter().filter_map(one).collect()
}

fn whole(permissions: &Permissions) -> Option<&'static str> {
    let all = Permissions::all();
    if *permissions == all {
        return Some("Read and change");
    }
    (*permissions == all.only([Action::Read])).then_some("Only read")
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
            words.extend([", in the ", kind, " ", &of(names)]);
        }
    }
    if let Some(condition) = &permission.condition {
        let condition = serde_json::to_string(condition).unwrap_or_default();
        words.extend([", only where ", &condition]);
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
