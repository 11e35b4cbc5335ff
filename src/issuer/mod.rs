//! The protocol toward issuers (authorization servers): discovery, the authorization URL, code, refresh,
//! revocation, ID tokens, userinfo, and the probe of an issuer's habits. Knows no database and no axum.

pub mod access_token;
pub mod address;
pub mod authorization_error;
pub mod authorize;
pub mod blot;
pub mod callback;
pub mod calls;
mod circuit;
pub mod code;
pub mod deadline;
pub mod discovery;
pub mod egress;
pub mod error_word;
pub mod grants;
pub mod http;
pub mod id_token;
pub mod identity;
pub mod jwt;
pub mod key_set;
pub mod last_good;
pub mod look_up;
mod metadata;
pub mod preset;
pub mod probe;
pub mod profile;
pub mod refresh;
pub mod revoke;
pub mod scope;
pub mod token_answer;
pub mod token_request;
pub mod token_set;
pub mod transcript;
pub mod userinfo;

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::cache::Cache;
use crate::clock::Clock;
use crate::load::Crowded;
use crate::secret::Token;
use discovery::Known;
use error_word::Need;
use identity::IdentityConfig;
use profile::Profile;

/// An authorization server or OpenID provider, and its habits.
#[derive(Clone, Debug)]
pub struct Issuer {
    pub id: String,
    pub key: String,
    /// What people are shown.
    pub name: String,
    pub whereabouts: Whereabouts,
    pub profile: Profile,
    pub scope_descriptions: BTreeMap<String, String>,
}

/// How its endpoints are known.
#[derive(Clone, Debug)]
pub enum Whereabouts {
    /// OpenID Connect Discovery 1.0 or RFC 8414, by the issuer identifier exactly as it is written.
    /// What the operator said beside it wins over the metadata.
    Discovery { identifier: String, said: Box<SaidUrls> },
    /// Written down one by one; such an issuer has no identifier, and its ID tokens are not used.
    Explicit(Box<ExplicitUrls>),
}

#[derive(Clone, Debug)]
pub struct ExplicitUrls {
    pub authorization: Url,
    pub token: Url,
    pub userinfo: Option<Url>,
    pub revocation: Option<Url>,
}

/// Addresses that an operator gave beside an identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaidUrls {
    pub authorization: Option<Url>,
    pub token: Option<Url>,
    pub userinfo: Option<Url>,
    pub revocation: Option<Url>,
    pub jwks: Option<Url>,
}

impl SaidUrls {
    /// By the name in metadata.
    fn by_member(&self, name: &str) -> Option<&Url> {
        match name {
            "authorization_endpoint" => self.authorization.as_ref(),
            "token_endpoint" => self.token.as_ref(),
            "userinfo_endpoint" => self.userinfo.as_ref(),
            "revocation_endpoint" => self.revocation.as_ref(),
            "jwks_uri" => self.jwks.as_ref(),
            _ => None,
        }
    }
}

impl Issuer {
    /// What names the issuer beside an external subject: its identifier, or its URLs when it has none.
    #[must_use]
    pub fn external_name(&self) -> String {
        match &self.whereabouts {
            Whereabouts::Discovery { identifier, .. } => identifier.clone(),
            Whereabouts::Explicit(urls) => format!("{} {}", urls.authorization, urls.token),
        }
    }

    /// The revocation that an operator gave a stored issuer, which its URLs alone do not tell: it stays while the token
    /// address does.
    pub fn keep_what_was_said(&mut self, stored: &Self) {
        if let (Whereabouts::Explicit(urls), Whereabouts::Explicit(before)) =
            (&mut self.whereabouts, &stored.whereabouts)
            && urls.token == before.token
        {
            urls.revocation.clone_from(&before.revocation);
            self.profile.revocation_reach = stored.profile.revocation_reach;
        }
    }

    /// The address that the operator gave beside the identifier for a member of the metadata.
    fn said(&self, member: &str) -> Option<&Url> {
        match &self.whereabouts {
            Whereabouts::Discovery { said, .. } => said.by_member(member),
            Whereabouts::Explicit(_) => None,
        }
    }

    /// Who consented, where only a userinfo address tells: an issuer that is given by its addresses.
    #[must_use]
    pub fn identity_config(&self) -> Option<IdentityConfig> {
        match &self.whereabouts {
            Whereabouts::Discovery { .. } => None,
            Whereabouts::Explicit(urls) => urls.userinfo.clone().map(IdentityConfig::of_userinfo),
        }
    }

    #[must_use]
    pub fn identifier(&self) -> Option<&str> {
        match &self.whereabouts {
            Whereabouts::Discovery { identifier, .. } => Some(identifier),
            Whereabouts::Explicit(_) => None,
        }
    }
}

/// Our registration at an issuer.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub secret: Option<Token>,
    pub auth: ClientAuth,
}

/// How a client authenticates at the token endpoint. RFC 6749 section 2.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// A public client: only its id, in the body.
    None,
    /// `client_secret_post`
    Body,
    /// `client_secret_basic`
    Basic,
}

impl ClientAuth {
    /// Body when there is a secret, unless something else was said.
    #[must_use]
    pub fn or_default(said: Option<Self>, secret: Option<&Token>) -> Self {
        said.unwrap_or(if secret.is_some() { Self::Body } else { Self::None })
    }
}

/// What we know of all issuers at run time: the HTTP client and the last good copies of their metadata. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Issuers(Arc<Shared>);

/// What all clones of [`Issuers`] share.
#[derive(Debug)]
pub struct Shared {
    pub http: http::Http,
    pub clock: Clock,
    pub calls: calls::Calls,
    known: Mutex<HashMap<String, Arc<Known>>>,
    found: look_up::Found,
    /// By issuer.
    management_tokens: Mutex<HashMap<String, grants::Held>>,
    /// Access tokens that were verified before.
    pub(crate) believed: Cache<access_token::Believed>,
}

impl Deref for Issuers {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Issuers {
    #[must_use]
    pub fn new(http: http::Http, clock: Clock) -> Self {
        let believed = Cache::new(access_token::MEMORY, access_token::USUAL);
        let calls = calls::Calls::new(clock.clone());
        Self(Arc::new(Shared {
            http,
            clock,
            calls,
            known: Mutex::default(),
            found: look_up::Found::default(),
            management_tokens: Mutex::default(),
            believed,
        }))
    }
}

impl Shared {
    fn management_token(&self, key: &str) -> Option<grants::Held> {
        let held = self.management_tokens.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        held.get(key).cloned()
    }

    fn hold_management_token(&self, key: &str, token: Option<grants::Held>) {
        let mut held = self.management_tokens.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match token {
            Some(token) => drop(held.insert(key.to_owned(), token)),
            None => drop(held.remove(key)),
        }
    }

    /// One issuer's copies, each behind locks of its own, so that a hung issuer delays no other.
    fn known(&self, name: &str) -> Arc<Known> {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(known.entry(name.to_owned()).or_default())
    }
}

/// Why an issuer gave us nothing. Holds the issuer's error words, never its answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerFault {
    /// Not reached, or turned away (429, 503, a firewall): nothing was done there; try again.
    #[error("{0}")]
    Unavailable(String, Option<i64>),
    /// The request went out and no whole answer came: it may have been carried out there.
    #[error("{0}")]
    Unanswered(String),
    /// The grant is dead: `invalid_grant`, by its word and at any status.
    #[error("the issuer says invalid_grant: {0}")]
    InvalidGrant(String),
    /// Our credentials are wrong: the operator's to mend.
    #[error("the issuer refuses the client: {0}")]
    InvalidClient(String),
    /// The person must do something there before it gives anything more.
    #[error("the issuer says {}: {description}", <&str>::from(*.need))]
    PersonNeeded { need: Need, description: String },
    /// Another OAuth error word. `of_the_grant`: it may mean this grant, and not how the client asks.
    #[error("the issuer says {error}: {description}")]
    Refused { error: String, description: String, of_the_grant: bool },
    /// It answered something that cannot be used.
    #[error("{0}")]
    Odd(String),
    /// An identity answer that must not be believed.
    #[error("{0}")]
    Untrusted(String),
    /// An identity answer of which nobody can tell now: it may be good.
    #[error("{0}")]
    Unverified(String),
}

impl From<Crowded> for IssuerFault {
    fn from(Crowded: Crowded) -> Self {
        Self::Unavailable("as many wait for it already as may".to_owned(), Some(1))
    }
}
