//! Accounts: who is signed in, known by (issuer, subject).

pub mod attempt;
pub mod claims;
pub mod delete;
pub mod pages;
pub mod sessions;
pub mod sign_in;
pub mod sign_out;
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::Broker;
use crate::cache::Weigh;
use crate::clock::Timestamp;
use crate::error::Error;

/// A person who signed in here.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    pub id: String,
    pub issuer: String,
    pub subject: String,
    pub name: Option<String>,
    pub email: Option<String>,
    /// The claims of the last sign-in and of the tokens after it, by which an environment may choose its accounts.
    pub claims: Map<String, Value>,
    /// When, in Unix seconds, a token after the sign-in said a claim, by its name.
    pub claims_at: BTreeMap<String, i64>,
    pub signed_in_at: Timestamp,
}

impl Account {
    /// What to call the person on a page.
    #[must_use]
    pub fn display_name(&self) -> String {
        self.name.clone().or_else(|| self.email.clone()).unwrap_or_else(|| self.subject.clone())
    }

    /// The same where one account is told from another: no two people share an e-mail address as they share a name.
    #[must_use]
    pub fn in_words(&self) -> String {
        self.email.clone().or_else(|| self.name.clone()).unwrap_or_else(|| self.subject.clone())
    }
}

/// A person as operators are told of them: by e-mail and name where these are known, and by the account's id.
#[derive(Clone, Debug)]
pub struct KnownAs {
    pub id: String,
    pub subject: String,
    pub name: Option<String>,
    pub email: Option<String>,
}

impl From<Account> for KnownAs {
    fn from(Account { id, subject, name, email, .. }: Account) -> Self {
        Self { id, subject, name, email }
    }
}

impl std::fmt::Display for KnownAs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.email, &self.name) {
            (Some(email), Some(name)) => write!(formatter, "{email} ({name})")?,
            (Some(known), None) | (None, Some(known)) => write!(formatter, "{known}")?,
            (None, None) => write!(formatter, "subject {}", self.subject)?,
        }
        write!(formatter, ", {}", self.id)
    }
}

/// # Errors
/// When the database does not answer.
pub async fn by_id(broker: &Broker, id: &str) -> Result<Option<Arc<Account>>, sqlx::Error> {
    broker.held.accounts.get(&broker.db, id, async || store::by_id(&broker.db, id).await).await
}

/// Also of somebody who is gone, for what is still to be ended of theirs.
///
/// # Errors
/// When the database does not answer.
pub async fn by_id_even_deleted(broker: &Broker, id: &str) -> Result<Option<Account>, sqlx::Error> {
    store::by_id_even_deleted(&broker.db, id).await
}

impl Weigh for Account {
    fn weight(&self) -> u64 {
        let texts = [
            Some(&self.id),
            Some(&self.issuer),
            Some(&self.subject),
            self.name.as_ref(),
            self.email.as_ref(),
        ];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        let claims: usize = self.claims.iter().map(|(name, value)| 64 + name.len() + weight(value)).sum();
        let ages: usize = self.claims_at.keys().map(|name| 64 + name.len()).sum();
        (size_of::<Self>() + texts + claims + ages) as u64
    }
}

fn weight(claim: &Value) -> usize {
    match claim {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(|value| 32 + weight(value)).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| 64 + name.len() + weight(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// The account of this id, or of this subject at the sign-in issuer.
///
/// # Errors
/// When the database does not answer.
pub async fn by_id_or_subject(broker: &Broker, text: &str) -> Result<Option<Account>, Error> {
    if is_id(text)
        && let Some(account) = store::by_id(&broker.db, text).await?
    {
        return Ok(Some(account));
    }
    // PostgreSQL refuses some of the texts that cannot be a subject.
    if text.contains(char::is_control) {
        return Ok(None);
    }
    let issuer = sign_in::issuer(broker).await?;
    Ok(store::by_subject(&broker.db, issuer.identifier().unwrap_or_default(), text).await?)
}

/// The account of a subject at an issuer.
///
/// # Errors
/// When the database does not answer.
pub async fn by_subject(broker: &Broker, issuer: &str, subject: &str) -> Result<Option<Account>, Error> {
    if [issuer, subject].iter().any(|text| text.contains(char::is_control)) {
        return Ok(None);
    }
    Ok(store::by_subject(&broker.db, issuer, subject).await?)
}

/// Whether a text can be an account's id; anything else need not be looked for.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let rest = text.strip_prefix("ac_");
    rest.is_some_and(|rest| rest.len() <= 64 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Forgets used sign-ins whose time is over.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(broker: &Broker) -> Result<(), sqlx::Error> {
    store::sweep(&broker.db, broker.clock.now()).await
}
