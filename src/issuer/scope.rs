//! Scopes: a set of scope tokens (RFC 6749 section 3.3), and the human words for the standard ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(BTreeSet<String>);

/// A scope holds a character that RFC 6749 does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope may hold printable ASCII but no quotation mark and no backslash")]
pub struct MalformedScope;

/// What a connection needs to be one: to know who consented, and to be refreshed.
const NEEDED: [&str; 2] = ["openid", "offline_access"];

impl Scopes {
    /// Space-separated scope tokens.
    ///
    /// # Errors
    /// [`MalformedScope`]
    pub fn parse(text: &str) -> Result<Self, MalformedScope> {
        let tokens: BTreeSet<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
        let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if tokens.iter().all(|token| token.bytes().all(allowed)) {
            Ok(Self(tokens))
        } else {
            Err(MalformedScope)
        }
    }

    /// As [`Scopes::parse`] for what an issuer says it granted: a token that is malformed is left out,
    /// because a grant is not to be lost over it.
    #[must_use]
    pub fn lenient(text: &str) -> Self {
        let parsed = text
            .split(|c: char| c.is_ascii_whitespace() || c == ',')
            .filter_map(|token| Self::parse(token).ok());
        Self(parsed.flat_map(|scopes| scopes.0).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// What the issuer defined, then working unattended, then merely knowing who one is.
    pub fn gravest_first(&self) -> impl Iterator<Item = &str> {
        let mut tokens: Vec<&str> = self.iter().collect();
        tokens.sort_by_key(|scope| match *scope {
            "openid" | "profile" | "email" | "phone" | "address" => 2,
            "offline_access" => 1,
            _ => 0,
        });
        tokens.into_iter()
    }

    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Those that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    /// Those that let somebody do something: not the ones that a connection itself needs.
    #[must_use]
    pub fn permissions(&self) -> Self {
        self.without(&Self(NEEDED.map(str::to_owned).into()))
    }

    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tokens: Vec<&str> = self.iter().collect();
        formatter.write_str(&tokens.join(" "))
    }
}

/// What a scope lets an app do, in the issuer's words, or ours for the standard ones. None for one nobody described.
#[must_use]
pub fn describe(scope: &str, issuer: &BTreeMap<String, String>) -> Option<String> {
    let standard = match scope {
        "openid" => "Know which account is yours",
        "profile" => "See your name and picture",
        "email" => "See your e-mail address",
        "phone" => "See your phone number",
        "address" => "See your postal address",
        "offline_access" => "Keep working when you are not there, until you stop it",
        _ => "",
    };
    let ours = (!standard.is_empty()).then(|| standard.to_owned());
    issuer.get(scope).cloned().or(ours)
}
