//! What a freeze or a mass revoke is about: a scope, its target, and how old the consent is. Names connections; stops
//! and reads none.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::ledger::Entry;

/// Some connections, by what they have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selection {
    pub scope: Scope,
    /// An id; empty where the scope is `all`.
    pub target: String,
    /// Only what was agreed to before this moment.
    pub issued_before: Option<Timestamp>,
}

/// What connections have in common.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::Display,
)]
#[strum(serialize_all = "snake_case")]
pub enum Scope {
    Account,
    App,
    Issuer,
    /// Those that a caller may use, while it uses them.
    Caller,
    Connection,
    All,
}

/// What a freeze covers: all of it that decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cover {
    pub selection: Selection,
    /// By what else the freeze knows its target, though the id became another.
    pub pseudonym: Option<String>,
    /// What the freeze ends with.
    pub part_of: Option<String>,
    /// Who made it: `operator`, or an account's id.
    pub actor: String,
}

/// What the freeze of a restored copy is part of, and ends with.
pub(crate) const COPY: &str = "the restored copy";

/// Whose use of a connection is judged.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    pub connection_id: &'a str,
    pub pseudonym: Option<&'a str>,
    pub account_id: &'a str,
    pub account_pseudonym: Option<&'a str>,
    pub app_id: &'a str,
    /// Of the connection's app.
    pub issuer_id: &'a str,
    /// None when the access token itself asks.
    pub caller_id: Option<&'a str>,
    pub consented_at: Timestamp,
}

/// Who wants something stopped, and why. The reason is for operators: no caller and no page is told it.
#[derive(Clone, Debug)]
pub struct Why {
    /// `operator`, or an account's id.
    pub actor: String,
    pub reason: String,
}

impl Why {
    #[must_use]
    pub fn operator(reason: &str) -> Self {
        Self { actor: OPERATOR.to_owned(), reason: reason.to_owned() }
    }
}

/// The actor of the command line.
pub const OPERATOR: &str = "operator";

impl Selection {
    /// Everything of a scope, however old.
    #[must_use]
    pub fn of(scope: Scope, target: &str) -> Self {
        Self { scope, target: target.to_owned(), issued_before: None }
    }

    /// An entry of the ledger about it.
    #[must_use]
    pub fn entry(&self, why: &Why, id: &str) -> Entry {
        let of = |scope: Scope| (self.scope == scope).then(|| self.target.clone());
        Entry {
            actor: why.actor.clone(),
            account_id: of(Scope::Account),
            app_id: of(Scope::App),
            connection_id: of(Scope::Connection),
            caller_id: of(Scope::Caller),
            detail: Some(json!({
                "id": id,
                "scope": self.scope.to_string(),
                "target": self.target,
                "issued_before": self.issued_before.map(Timestamp::rfc3339),
                "said": why.reason,
            })),
        }
    }
}

impl Cover {
    /// Whether the freeze names this use, however old the consent is.
    #[must_use]
    pub fn names(&self, used: Use<'_>) -> bool {
        self.selection.names(self.pseudonym.as_deref(), used)
    }

    #[must_use]
    pub fn covers(&self, used: Use<'_>) -> bool {
        self.selection.covers(self.pseudonym.as_deref(), used)
    }

    /// Whether the connection's own person made it.
    #[must_use]
    pub fn is_pause_of(&self, used: Use<'_>) -> bool {
        self.selection.scope == Scope::Connection
            && self.selection.target == used.connection_id
            && self.actor == used.account_id
    }

    /// Whether it waits for the operator's word on a restored copy.
    #[must_use]
    pub fn is_of_a_copy(&self) -> bool {
        self.part_of.as_deref() == Some(COPY)
    }
}

impl Selection {
    /// Whether it names this use, by its target or by a pseudonym.
    fn names(&self, pseudonym: Option<&str>, used: Use<'_>) -> bool {
        let known_again = pseudonym.is_some() && pseudonym == used.pseudonym(self.scope);
        known_again || used.target(self.scope) == Some(self.target.as_str())
    }

    /// The one rule of what a freeze covers: it names the use, and the consent is old enough.
    #[must_use]
    pub fn covers(&self, pseudonym: Option<&str>, used: Use<'_>) -> bool {
        self.names(pseudonym, used) && self.issued_before.is_none_or(|before| used.consented_at < before)
    }
}

impl<'a> Use<'a> {
    #[must_use]
    pub fn of(connection: &'a Connection, issuer_id: &'a str, caller_id: Option<&'a str>) -> Self {
        Self {
            connection_id: &connection.id,
            pseudonym: connection.pseudonym.as_deref(),
            account_id: &connection.account_id,
            account_pseudonym: connection.account_pseudonym.as_deref(),
            app_id: &connection.app_id,
            issuer_id,
            caller_id,
            consented_at: connection.consented_at,
        }
    }

    /// What this use has in common with others of the scope.
    #[must_use]
    pub fn target(&self, scope: Scope) -> Option<&str> {
        match scope {
            Scope::Account => Some(self.account_id),
            Scope::App => Some(self.app_id),
            Scope::Issuer => Some(self.issuer_id),
            Scope::Caller => self.caller_id,
            Scope::Connection => Some(self.connection_id),
            Scope::All => Some(""),
        }
    }

    /// By what else a freeze of the scope may know it.
    #[must_use]
    pub const fn pseudonym(&self, scope: Scope) -> Option<&str> {
        match scope {
            Scope::Account => self.account_pseudonym,
            Scope::Connection => self.pseudonym,
            Scope::App | Scope::Issuer | Scope::Caller | Scope::All => None,
        }
    }
}
