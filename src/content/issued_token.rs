//! A content token of ours as it comes back: what it says. Believes nothing of it; see [`super::recognise`]. Judges nobody;
//! see [`crate::access::judge::issued`].

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::environment::Environment;
use super::permission::{Permissions, details, scope};
use super::signing_key::ACCESS_TOKEN;
use crate::cache::Weigh;
use crate::clock::Timestamp;
use crate::issuer::claims;
use crate::issuer::scope::Scopes;
use crate::secret::TokenHash;
use crate::session;

/// Longer ones are not ours, and are not read.
const LONGEST: usize = 16 * 1024;

/// What a minted token says.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuedToken {
    /// The key that is said to have signed it.
    pub kid: String,
    pub jti: String,
    pub issuer: String,
    /// The account; the caller, where the token speaks for no person.
    pub subject: String,
    pub given_to: GivenTo,
    pub scopes: Scopes,
    /// What it may do at its audience, and nowhere else.
    pub permissions: Permissions,
    pub issued_at: Timestamp,
    pub not_before: Option<Timestamp>,
    pub expires_at: Timestamp,
    /// All of it.
    pub claims: Map<String, Value>,
}

/// Who asked for a token, and by what right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenTo {
    /// Whoever uses a connection.
    Connection {
        id: String,
        /// None when the access token itself asked.
        caller_id: Option<String>,
    },
    /// A caller, for itself.
    Caller(String),
    /// A page of the platform, for whoever is signed in there.
    Session {
        id: TokenHash,
        /// Of the page.
        origin: String,
    },
}

/// RFC 7515 section 4.1.
#[derive(Deserialize)]
struct Header {
    kid: String,
    typ: String,
    crit: Option<Value>,
}

impl IssuedToken {
    /// None for whatever has not the form of ours.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        if token.len() > LONGEST {
            return None;
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let header: Header = json(header)?;
        // Other kinds of token are signed by the same keys. RFC 8725 section 3.11.
        if header.typ != ACCESS_TOKEN || header.crit.is_some() || !is_clean(&header.kid) {
            return None;
        }
        let claims: Map<String, Value> = json(payload)?;
        let moment = |name: &str| claims.get(name).and_then(Value::as_i64).map(Timestamp::from_unix);
        let scopes = Scopes::lenient(claims.get("scope").and_then(Value::as_str).unwrap_or_default());
        Some(Self {
            kid: header.kid,
            jti: text(claims.get("jti")?)?,
            issuer: text(claims.get("iss")?)?,
            subject: text(claims.get("sub")?)?,
            given_to: given_to(&claims)?,
            permissions: permissions(&claims, &scopes)?,
            scopes,
            issued_at: moment("iat")?,
            not_before: moment("nbf"),
            expires_at: moment("exp")?,
            claims,
        })
    }

    /// Whether it is good at a moment, by its own word.
    #[must_use]
    pub fn lives(&self, now: Timestamp) -> bool {
        self.expires_at > now && self.not_before.is_none_or(|begins| begins <= now)
    }

    /// None for a token that is of no connection.
    #[must_use]
    pub fn connection_id(&self) -> Option<&str> {
        if let GivenTo::Connection { id, .. } = &self.given_to { Some(id) } else { None }
    }

    /// The caller that asked for it; None where none did.
    #[must_use]
    pub fn caller_id(&self) -> Option<&str> {
        match &self.given_to {
            GivenTo::Connection { caller_id, .. } => caller_id.as_deref(),
            GivenTo::Caller(id) => Some(id),
            GivenTo::Session { .. } => None,
        }
    }

    /// Whose it is; None for a caller's own.
    #[must_use]
    pub fn account_id(&self) -> Option<&str> {
        (!matches!(self.given_to, GivenTo::Caller(_))).then_some(&*self.subject)
    }

    /// Whether it was made for an environment.
    #[must_use]
    pub fn is_for(&self, environment: &Environment) -> bool {
        claims::audiences(&self.claims).contains(&environment.content_api_url.as_str())
    }
}

fn given_to(claims: &Map<String, Value>) -> Option<GivenTo> {
    let said = |name: &str| claims.get(name).and_then(text);
    if let Some(id) = said("connection") {
        let caller_id = claims.get("act").and_then(|actor| text(actor.get("sub")?));
        return Some(GivenTo::Connection { id, caller_id });
    }
    match said("sid") {
        Some(session) => Some(GivenTo::Session { id: session::of_sid(&session)?, origin: said("azp")? }),
        // RFC 9068 section 2.2: a client's own token has the client in both places.
        None => said("client_id").map(GivenTo::Caller),
    }
}

/// Those in detail; what its scopes say where it has no details.
fn permissions(said: &Map<String, Value>, scopes: &Scopes) -> Option<Permissions> {
    match said.get("authorization_details") {
        Some(detailed) => details::read(detailed, &claims::audiences(said)).ok(),
        None => Some(scope::narrow(&Permissions::all(), scopes)),
    }
}

impl Weigh for IssuedToken {
    fn weight(&self) -> u64 {
        // A map of claims takes a few times their text.
        (size_of::<Self>()
            + 3 * self.claims.iter().map(|(name, value)| 60 + name.len() + length(value)).sum::<usize>())
            as u64
    }
}

fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(_) | Value::Object(_) => value.to_string().len(),
        _ => 8,
    }
}

/// A text that may be looked for: PostgreSQL stores no NUL, and nothing of ours holds a control character.
fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| is_clean(text)).map(str::to_owned)
}

fn is_clean(text: &str) -> bool {
    !text.contains(char::is_control)
}

fn json<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
