//! What an operator names on the command line, as a selection, and back. Stops nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Broker;
use crate::account::{self, Account, KnownAs};
use crate::clock::Timestamp;
use crate::connection::is_id;
use crate::connection::look_up;
use crate::error::Error;
use crate::freeze::selection::{Scope, Selection};

/// As it was typed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NamedSelection {
    pub what: Named,
    pub issued_before: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Named {
    App(String),
    Account(Person),
    Issuer(String),
    Caller(String),
    Connection(String),
    All,
}

/// Whom an operator means.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Person {
    /// Where `who` is a subject: the issuer's key or identifier; the sign-in issuer when nothing is said.
    pub issuer: Option<String>,
    /// An account's id or a subject.
    pub who: String,
}

/// # Errors
/// [`Error::InvalidRequest`] for what is not there, with where to look.
pub async fn select(broker: &Broker, asked: &NamedSelection) -> Result<Selection, Error> {
    let (scope, target) = match &asked.what {
        Named::App(key) => {
            let found = crate::app::by_key(broker, key).await?;
            let missing = || missing("app", key, "attache app list");
            (Scope::App, found.ok_or_else(missing)?.id)
        }
        Named::Account(person) => (Scope::Account, find(broker, person).await?.id),
        Named::Issuer(key) => {
            let found = crate::app::issuer_by_key(broker, key).await?;
            let missing = || missing("issuer", key, "the configuration");
            (Scope::Issuer, found.ok_or_else(missing)?.id)
        }
        Named::Caller(text) => {
            let found = crate::caller::id_of(broker, text).await?;
            (Scope::Caller, found.ok_or_else(|| missing("caller", text, "attache key list"))?)
        }
        Named::Connection(id) => {
            let found = if is_id(id) { look_up::by_id(broker, id).await? } else { None };
            let missing = || missing("connection", id, "attache freeze --dry-run");
            (Scope::Connection, found.ok_or_else(missing)?.id)
        }
        Named::All => (Scope::All, String::new()),
    };
    Ok(Selection { scope, target, issued_before: asked.issued_before })
}

fn missing(what: &str, text: &str, shows: &str) -> Error {
    Error::InvalidRequest(format!("There is no {what} `{text}`; `{shows}` shows what there is."))
}

/// # Errors
/// [`Error::InvalidRequest`] when there is no such account.
pub async fn find(broker: &Broker, person: &Person) -> Result<Account, Error> {
    let found = match &person.issuer {
        None => account::by_id_or_subject(broker, &person.who).await?,
        Some(issuer) => {
            let known = crate::app::issuer_by_key(broker, issuer).await?;
            let identifier = known.and_then(|known| known.identifier().map(str::to_owned));
            let identifier = identifier.unwrap_or_else(|| issuer.clone());
            account::by_subject(broker, &identifier, &person.who).await?
        }
    };
    let missing = || {
        Error::InvalidRequest(format!(
            "Nobody by `{}` has signed in here; name an account's id (ac_…) or a subject at the sign-in issuer.",
            person.who
        ))
    };
    found.ok_or_else(missing)
}

/// As an operator would name it.
///
/// # Errors
/// When the database does not answer.
pub async fn in_words(broker: &Broker, selection: &Selection) -> Result<String, Error> {
    let target = &selection.target;
    let words = match selection.scope {
        Scope::App => {
            let found = crate::app::by_id(broker, target).await?;
            format!("app {}", found.map_or_else(|| target.clone(), |found| found.key.clone()))
        }
        Scope::Issuer => {
            let all = crate::app::issuers(broker).await?;
            let found = all.into_iter().find(|issuer| issuer.id == *target);
            format!("issuer {}", found.map_or_else(|| target.clone(), |found| found.key))
        }
        Scope::Account => format!("account {}", named(broker, target).await?),
        Scope::Caller => format!("caller {target}"),
        Scope::Connection => match look_up::by_id(broker, target).await? {
            Some(found) => format!("connection {target} of {}", named(broker, &found.account_id).await?),
            None => format!("connection {target}"),
        },
        Scope::All => "everything".to_owned(),
    };
    Ok(match selection.issued_before {
        Some(before) => format!("{words}, agreed to before {before}"),
        None => words,
    })
}

/// The person of an account, by e-mail or name where these are known.
///
/// # Errors
/// When the database does not answer.
pub async fn named(broker: &Broker, account_id: &str) -> Result<String, Error> {
    let account = account::by_id(broker, account_id).await?;
    Ok(account.map_or_else(
        || format!("{account_id} (deleted)"),
        |account| KnownAs::from(Arc::unwrap_or_clone(account)).to_string(),
    ))
}
