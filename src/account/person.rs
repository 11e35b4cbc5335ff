//! A person who signed in here, as they are stored and as others are told of them. Looks nobody up.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::platform;
use crate::cache::Weigh;
use crate::clock::Timestamp;

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
    /// When the person signed in here for the first time.
    pub made_at: Timestamp,
}

impl Account {
    /// The whole name, or what its parts come to; None when neither was said.
    #[must_use]
    pub fn full_name(&self) -> Option<String> {
        let part = |claim: &str| self.claims.get(claim).and_then(Value::as_str);
        let parts: Vec<&str> = ["given_name", "family_name"].into_iter().filter_map(part).collect();
        self.name.clone().or_else(|| Some(parts.join(" ")).filter(|name| !name.is_empty()))
    }

    /// What to call the person on a page.
    #[must_use]
    pub fn display_name(&self) -> String {
        self.name.clone().or_else(|| self.email.clone()).unwrap_or_else(|| self.subject.clone())
    }

    /// The key of the platform that vouches for them; None where they sign in here.
    #[must_use]
    pub fn platform(&self) -> Option<&str> {
        platform::key_of(&self.issuer)
    }

    /// Their subject at the sign-in issuer. What a platform calls its user is no such thing, though it may be the same text.
    #[must_use]
    pub fn sign_in_subject(&self) -> Option<&str> {
        self.platform().is_none().then_some(&self.subject)
    }

    /// What to call them where one account is told from another: no two people share an e-mail address as they share a name.
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

/// Whether a text can be an account's id; anything else need not be looked for.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let rest = text.strip_prefix("ac_");
    rest.is_some_and(|rest| rest.len() <= 64 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
