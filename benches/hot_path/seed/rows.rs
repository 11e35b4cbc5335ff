//! What is inserted: the tables, their columns and the rows, each in one place. A migration that adds a column which
//! must be filled is answered here; a column that is not there is left out.

use attache::clock::Timestamp;
use attache::connection::seal::{Binding, seal};
use attache::issuer::scope::Scopes;
use attache::issuer::token_set::TokenSet;
use attache::secret::Token;
use attache::vault::Vault;

use super::layout::{Layout, access_token, caller, connection_id, refresh_token, subject};
use super::{App, Caller};
use crate::broker::SCOPES;
use crate::fault::{Fault, refuse};
use crate::issuer;

pub enum Cell {
    Text(String),
    Number(i64),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

pub struct Table {
    pub name: &'static str,
    pub columns: &'static [&'static str],
}

pub const ACCOUNTS: Table = Table {
    name: "accounts",
    columns: &["id", "issuer", "subject", "name", "email", "claims", "created_at", "last_sign_in_at"],
};

pub const VAULT_KEYS: Table =
    Table { name: "vault_keys", columns: &["kid", "purpose", "master_kid", "wrapped", "created_at"] };

pub const CONNECTIONS: Table = Table {
    name: "connections",
    columns: &[
        "id",
        "account_id",
        "app_id",
        "external_issuer",
        "external_subject",
        "status",
        "data_kid",
        "access_token",
        "access_token_hash",
        "access_expires_at",
        "refresh_token",
        "granted_scopes",
        "requested_scopes",
        "generation",
        "fence",
        "failures",
        "connected_at",
        "updated_at",
        "listed_at",
        "refresh_due_at",
    ],
};

pub const LEDGER: Table = Table {
    name: "ledger",
    columns: &[
        "seq",
        "at",
        "action",
        "actor",
        "account_id",
        "app_id",
        "connection_id",
        "caller_id",
        "generation",
        "day",
        "times",
        "last_at",
    ],
};

/// What every row is made with.
pub struct Makings<'a> {
    pub layout: Layout,
    pub vault: &'a Vault,
    pub apps: &'a [App],
    pub callers: &'a [Caller],
    pub now: Timestamp,
}

pub fn account(id: String, issuer: &str, subject: String, now: Timestamp) -> Vec<Cell> {
    let email = format!("{}@bench.test", subject.replace('|', "."));
    let claims = format!(r#"{{"sub":"{subject}"}}"#);
    vec![
        id.into(),
        issuer.into(),
        subject.into(),
        "A Person of the Bench".into(),
        email.into(),
        claims.into(),
        now.unix().into(),
        now.unix().into(),
    ]
}

impl Makings<'_> {
    fn app_id(&self, row: u64) -> Result<&str, Fault> {
        let key = self.layout.app_key(row);
        match self.apps.iter().find(|app| app.key == key) {
            Some(app) => Ok(&app.id),
            None => refuse(format!("the server made no app `{key}`")),
        }
    }

    /// The rows of `vault_keys` and of `connections`, really sealed.
    pub fn connection(&self, row: u64) -> Result<(Vec<Cell>, Vec<Cell>), Fault> {
        let (id, account_id, app_id) =
            (connection_id(row), self.layout.account_id(row), self.app_id(row)?.to_owned());
        let (key, wrapped) = self.vault.new_data_key()?;
        let binding = Binding { connection_id: &id, account_id: &account_id, app_id: &app_id, generation: 1 };
        let tokens = TokenSet {
            access_token: Some(Token::new(access_token(row))).into(),
            refresh_token: Some(Token::new(refresh_token(row))).into(),
            // Ten years: nothing is refreshed unless it is forced.
            expires_in: Some(315_360_000),
            ..TokenSet::default()
        };
        let sealed = seal(&key, binding, &tokens, None, &Scopes::lenient(SCOPES), self.now)?;
        let (Some(access), Some(hash), Some(expires), Some(refresh)) =
            (sealed.access_token, sealed.access_token_hash, sealed.access_expires_at, sealed.refresh_token)
        else {
            return refuse("a connection was sealed without its tokens");
        };
        let vault_key = vec![
            wrapped.kid.clone().into(),
            "connection".into(),
            wrapped.master_kid.into(),
            wrapped.wrapped.into(),
            self.now.unix().into(),
        ];
        // The list shows the youngest first: rows stand in it in the order of their numbers.
        let connected_at = self.now.plus(-10_000).plus(-i64::try_from(row)?).unix();
        let connection = vec![
            id.into(),
            account_id.into(),
            app_id.into(),
            issuer::IDENTIFIER.into(),
            subject(row).into(),
            "active".into(),
            wrapped.kid.into(),
            access.0.into(),
            hash.as_str().into(),
            expires.unix().into(),
            refresh.0.into(),
            SCOPES.into(),
            SCOPES.into(),
            1.into(),
            0.into(),
            0.into(),
            connected_at.into(),
            connected_at.into(),
            connected_at.into(),
            // Nothing is due while it is measured.
            expires.unix().into(),
        ];
        Ok((vault_key, connection))
    }

    /// The row of `ledger` of a connection that was handed out today.
    pub fn hand_out(&self, row: u64) -> Result<Vec<Cell>, Fault> {
        let caller = &self.callers[caller(row)].id;
        let now = self.now.unix();
        Ok(vec![
            i64::try_from(row + 1)?.into(),
            now.into(),
            "hand_out".into(),
            caller.as_str().into(),
            self.layout.account_id(row).into(),
            self.app_id(row)?.into(),
            connection_id(row).into(),
            caller.as_str().into(),
            1.into(),
            now.div_euclid(86_400).into(),
            1.into(),
            now.into(),
        ])
    }
}
