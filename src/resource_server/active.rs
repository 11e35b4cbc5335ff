//! A token that is good now at an environment: whom it stands for, and what it may do there. Judges nothing, and looks nothing
//! up.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::content::environment::Environment;
use crate::content::issued_token::IssuedToken;
use crate::content::permission::{details, scope};
use crate::issuer::scope::Scopes;
use crate::permanent_token::PermanentToken;

#[derive(Debug)]
pub enum Active {
    Minted {
        token: Arc<IssuedToken>,
        /// The app's key; None where a caller asked for itself, or a page for whoever is signed in.
        app: Option<String>,
    },
    Permanent(Arc<PermanentToken>),
}

/// What is told of a minted token, of what it says. RFC 7662 section 2.2, RFC 8693 section 4.1 and RFC 9396 section 9.2; `app`
/// and `sid` are ours.
const TOLD: [&str; 12] = [
    "scope",
    "client_id",
    "app",
    "sid",
    "exp",
    "iat",
    "sub",
    "aud",
    "iss",
    "jti",
    "act",
    "authorization_details",
];

impl Active {
    /// An account's id; a caller's or a permanent token's, where it speaks for no person.
    #[must_use]
    pub fn subject(&self) -> &str {
        match self {
            Self::Minted { token, .. } => &token.subject,
            Self::Permanent(token) => &token.id,
        }
    }

    #[must_use]
    pub fn app(&self) -> Option<&str> {
        if let Self::Minted { app, .. } = self { app.as_deref() } else { None }
    }

    #[must_use]
    pub fn caller(&self) -> Option<&str> {
        if let Self::Minted { token, .. } = self { token.caller_id() } else { None }
    }

    #[must_use]
    pub fn connection(&self) -> Option<&str> {
        if let Self::Minted { token, .. } = self { token.connection_id() } else { None }
    }

    #[must_use]
    pub fn scopes(&self) -> Cow<'_, Scopes> {
        match self {
            Self::Minted { token, .. } => Cow::Borrowed(&token.scopes),
            Self::Permanent(token) => Cow::Owned(scope::of(&token.permissions)),
        }
    }

    /// RFC 9396.
    #[must_use]
    pub fn authorization_details(&self, environment: &Environment) -> Option<Cow<'_, Value>> {
        match self {
            Self::Minted { token, .. } => token.claims.get("authorization_details").map(Cow::Borrowed),
            Self::Permanent(token) => {
                Some(Cow::Owned(details::written(&token.permissions, environment.content_api_url.as_str())))
            }
        }
    }

    /// Meant by a request that names no stage.
    #[must_use]
    pub fn default_stage<'a>(&'a self, environment: &'a Environment) -> &'a str {
        let own = if let Self::Permanent(token) = self { token.default_stage.as_deref() } else { None };
        own.unwrap_or(&environment.settings.default_stage)
    }

    /// The members of an introspection answer, without `active`. `issuer` is ours.
    #[must_use]
    pub fn members(&self, environment: &Environment, issuer: &str) -> Map<String, Value> {
        let mut members = match self {
            Self::Minted { token, .. } => {
                let said = TOLD.into_iter();
                said.filter_map(|name| Some((name.to_owned(), token.claims.get(name)?.clone()))).collect()
            }
            Self::Permanent(token) => of_permanent(token, environment, issuer),
        };
        members.insert("token_type".to_owned(), json!("Bearer"));
        members.insert("default_stage".to_owned(), json!(self.default_stage(environment)));
        members
    }
}

fn of_permanent(token: &PermanentToken, environment: &Environment, issuer: &str) -> Map<String, Value> {
    let audience = environment.content_api_url.as_str();
    let mut members = Map::new();
    let mut say = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
    say("iss", json!(issuer));
    say("aud", json!(audience));
    say("sub", json!(token.id));
    say("scope", json!(scope::of(&token.permissions).to_string()));
    say("authorization_details", details::written(&token.permissions, audience));
    say("iat", json!(token.made_at.unix()));
    if let Some(ends) = token.expires_at {
        say("exp", json!(ends.unix()));
    }
    members
}
