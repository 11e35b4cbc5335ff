//! What does not open where it stands: named by table, column and row, once in the log of a process, and never with what
//! it holds. A damaged value concerns its own row; everything else goes on.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::error::VaultError;
use crate::error::Error;

/// How many are remembered as named already; what is beyond is named each time.
const REMEMBERED: usize = 10_000;

/// One sealed value that does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub table: &'static str,
    pub column: &'static str,
    pub row: String,
    pub why: VaultError,
}

impl Damage {
    /// For the operator: what brings a good value.
    #[must_use]
    pub fn cure(&self) -> &'static str {
        match (self.table, self.column) {
            ("vault_keys", _) => {
                "revoke its connection and let the person connect again; of an app, remove it and add it again"
            }
            ("apps", _) => {
                "give the client secret again: in the configuration and restart, or by `attache app add`"
            }
            ("connections", "access_token") => "the next refresh mends it",
            ("connections", _) => "the person connects the app again",
            ("signing_keys", _) => "`attache signing-key rotate --withdraw` has another key sign",
            ("content_tokens", _) => "another is minted when it is asked for",
            ("superseded_tokens", _) => "nothing need be done: it is told to the issuer no more",
            ("sessions", _) => "the person signs in again",
            ("connect_attempts", _) => "the person begins to connect again",
            _ => "restore the database from a backup of before",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{} of {}: {}", self.table, self.column, self.row, self.why)
    }
}

/// What was found out about the sealed values of some rows.
#[derive(Debug, Default)]
pub struct Verified {
    pub values: usize,
    pub damaged: Vec<Damage>,
    /// Where to go on; None when these were the last.
    pub next: Option<String>,
}

impl Verified {
    /// For `rows` rows of at most `limit`, the last of which has this key.
    #[must_use]
    pub fn of_page(rows: usize, limit: i64, last: Option<String>) -> Self {
        let full = i64::try_from(rows).is_ok_and(|rows| rows >= limit);
        Self { next: last.filter(|_| full), ..Self::default() }
    }

    /// Tries one value.
    pub fn value(
        &mut self,
        (table, column, row): (&'static str, &'static str, &str),
        opened: Result<(), VaultError>,
    ) {
        self.values += 1;
        if let Err(why) = opened {
            self.damaged.push(Damage { table, column, row: row.to_owned(), why });
        }
    }
}

/// Those that the log has named.
#[derive(Debug, Default)]
pub(super) struct Damaged(Mutex<HashSet<String>>);

impl Damaged {
    /// Names it in the log, once; the failure for whoever serves the row.
    pub(super) fn name(
        &self,
        table: &'static str,
        column: &'static str,
        row: &str,
        why: VaultError,
    ) -> Error {
        let damage = Damage { table, column, row: row.to_owned(), why };
        let mut named = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if named.len() >= REMEMBERED || named.insert(damage.to_string()) {
            tracing::error!(%damage, cure = damage.cure(), "a stored secret does not open; `attache vault status` looks at all of them");
        }
        match damage.why {
            why @ VaultError::UnknownMasterKey => Error::Vault(why),
            _ => Error::Damaged,
        }
    }
}
