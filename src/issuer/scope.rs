//! Scopes: a set of scope tokens (RFC 6749 section 3.3), and the human words for the standard ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(BTreeSet<String>);

/// What an issuer writes between the scopes that it says it granted, beside blanks. RFC 6749 section 3.3 has blanks only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Separator {
    Space,
    Comma,
    Plus,
}

/// A scope holds a character that RFC 6749 does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope may hold printable ASCII but no quotation mark and no backslash")]
pub struct MalformedScope;

/// What a connection needs to be one: to know who consented, and to be refreshed.
const NEEDED: [&str; 2] = ["openid", OFFLINE_ACCESS];
/// OpenID Connect Core 1.0 section 11.
pub const OFFLINE_ACCESS: &str = "offline_access";

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

    /// As [`Scopes::parse`] for what is stored already, or said by an issuer: a token that is malformed is left out,
    /// because a grant is not to be lost over it.
    #[must_use]
    pub fn lenient(text: &str) -> Self {
        let parsed = text.split_ascii_whitespace().filter_map(|token| Self::parse(token).ok());
        Self(parsed.flat_map(|scopes| scopes.0).collect())
    }

    /// What an issuer said at blanks, separated in its own way. A scope that was asked for as it stands is one.
    fn separated(&self, separator: Option<Separator>, asked: &Self) -> Self {
        let separator = match separator {
            Some(Separator::Space) => return self.clone(),
            Some(Separator::Comma) | None => ',',
            Some(Separator::Plus) => '+',
        };
        let split = |scope: &str| -> Vec<String> {
            if asked.contains(scope) {
                return vec![scope.to_owned()];
            }
            scope.split(separator).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        Self(self.iter().flat_map(split).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// What the issuer defined, then working unattended, then merely knowing who one is.
    pub fn gravest_first(&self) -> impl Iterator<Item = &str> {
        let mut tokens: Vec<&str> = self.iter().collect();
        tokens.sort_by_key(|scope| match *scope {
            "openid" | "profile" | "email" | "phone" | "address" => 2,
            OFFLINE_ACCESS => 1,
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

/// What an issuer granted, by what it said at blanks. None when it said nothing: then it granted what was asked for (RFC
/// 6749 section 5.1). Many leave `offline_access` out of the answer; a refresh token proves it.
#[must_use]
pub fn granted(
    said: Option<&Scopes>,
    asked: &Scopes,
    separator: Option<Separator>,
    refreshable: bool,
) -> Option<Scopes> {
    let mut granted = said?.separated(separator, asked);
    if refreshable && asked.contains(OFFLINE_ACCESS) {
        granted.0.insert(OFFLINE_ACCESS.to_owned());
    }
    Some(granted)
}

/// What an operator is warned of where an app's connections may end soon by themselves: it asks for no `offline_access`,
/// which the issuer offers. None where it does not, or has another way for it, such as Google's `access_type`.
#[must_use]
pub fn ends_with_the_session(scopes: &Scopes, offered: Option<bool>) -> Option<&'static str> {
    (offered == Some(true) && !scopes.contains(OFFLINE_ACCESS)).then_some(
        "asks for no `offline_access`, which its issuer offers: it may be given no refresh token, or one that ends with \
         the person's session there. Its people must then connect it again each time. Add the scope, unless that is meant.",
    )
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
        OFFLINE_ACCESS => "Keep working when you are not there, until you stop it",
        _ => "",
    };
    let ours = (!standard.is_empty()).then(|| standard.to_owned());
    issuer.get(scope).cloned().or(ours)
}

#[cfg(test)]
mod tests {
    use super::{Scopes, Separator, granted};

    fn read(said: &str, asked: &str, separator: Option<Separator>) -> String {
        let (said, asked) = (Scopes::lenient(said), Scopes::lenient(asked));
        granted(Some(&said), &asked, separator, false).expect("something was said").to_string()
    }

    #[test]
    fn an_issuers_separator_is_its_own_and_never_splits_what_was_asked_for() {
        use Separator::{Comma, Plus, Space};
        for (said, asked, separator, understood) in [
            ("repo,gist", "gist repo", None, "gist repo"),
            ("repo, gist", "gist repo", None, "gist repo"),
            ("read,write openid", "openid read,write", None, "openid read,write"),
            ("read,write openid", "openid", Some(Space), "openid read,write"),
            ("repo,gist", "gist repo", Some(Comma), "gist repo"),
            ("repo+gist", "gist repo", None, "repo+gist"),
            ("repo+gist", "gist repo", Some(Plus), "gist repo"),
            ("repo+gist", "repo+gist", Some(Plus), "repo+gist"),
            ("a,b+c", "a,b c", Some(Plus), "a,b c"),
        ] {
            assert_eq!(read(said, asked, separator), understood, "{said} by {separator:?}");
        }
    }

    #[test]
    fn a_refresh_token_proves_offline_access_where_something_was_said() {
        let asked = Scopes::lenient("offline_access repo");
        let said = Scopes::lenient("repo");
        assert_eq!(granted(Some(&said), &asked, None, true), Some(asked.clone()));
        assert_eq!(granted(Some(&said), &asked, None, false), Some(said.clone()));
        assert_eq!(granted(Some(&said), &said, None, true), Some(said));
        assert_eq!(granted(None, &asked, None, true), None);
    }
}
