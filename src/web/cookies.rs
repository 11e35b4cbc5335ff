//! The cookies of ours beside the session's: what a browser keeps for us, sealed, each for one purpose. Nobody is signed in
//! by one, and the database holds nothing of them.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use tower_sessions::cookie::time::Duration;
use tower_sessions::cookie::{Cookie, SameSite};

use crate::Broker;
use crate::error::Error;
use crate::secret::{Token, TokenHash};
use crate::session;
use crate::vault::{Place, Sealed};

/// What a browser may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnCookie<'a> {
    /// Which browser this is, across sign-outs and sign-ins: forms and consents are bound to it.
    Browser,
    /// A sign-in that is under way, by the hash of its state.
    SignIn(&'a TokenHash),
    /// That somebody signed out, until the issuer is known to have ended its own session too.
    SignedOut,
    /// Whose account was deleted from here.
    Deleted,
}

/// The end of the name of a sign-in's cookie is the hash of its state.
const SIGN_IN: &str = "sign-in-";

impl OwnCookie<'_> {
    fn name(self) -> String {
        match self {
            Self::Browser => "browser".to_owned(),
            Self::SignIn(state) => format!("{SIGN_IN}{}", state.as_str()),
            Self::SignedOut => "signed-out".to_owned(),
            Self::Deleted => "deleted".to_owned(),
        }
    }

    fn place(self) -> Place {
        match self {
            Self::Browser => Place::new("cookie", "browser", "", &[]),
            Self::SignIn(state) => Place::new("cookie", "sign_in", state.as_str(), &[]),
            Self::SignedOut => Place::new("cookie", "signed_out", "", &[]),
            Self::Deleted => Place::new("cookie", "deleted", "", &[]),
        }
    }

    /// Seconds.
    const fn lives(self) -> i64 {
        match self {
            Self::Browser | Self::SignedOut => session::LIFETIME,
            Self::SignIn(_) | Self::Deleted => 600,
        }
    }
}

/// What a browser sent of them, and how it is told of others.
#[derive(Clone)]
pub struct Cookies {
    broker: Broker,
    /// By name, without what all of ours begin with.
    sent: Vec<(String, String)>,
}

impl FromRequestParts<Broker> for Cookies {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, Infallible> {
        let begin = format!("{}-", session::cookie_name(broker));
        let lines = parts.headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let ours =
            pairs.filter_map(|(name, value)| Some((name.strip_prefix(&begin)?.to_owned(), value.to_owned())));
        Ok(Self { broker: broker.clone(), sent: ours.collect() })
    }
}

impl Cookies {
    /// What is kept for this, if we sealed it for this.
    #[must_use]
    pub fn open(&self, kept: OwnCookie<'_>) -> Option<Token> {
        let name = kept.name();
        let mut values = self.sent.iter().filter(|(sent, _)| *sent == name);
        values.find_map(|(_, value)| self.broker.house_key.open(&kept.place(), &Sealed(value.clone())).ok())
    }

    /// The sign-ins that are under way, by the hash of their state, and how many bytes each takes.
    #[must_use]
    pub fn sign_ins(&self) -> Vec<(TokenHash, usize)> {
        let mut states: Vec<(TokenHash, usize)> = Vec::new();
        for (name, value) in &self.sent {
            let Some(state) = name.strip_prefix(SIGN_IN) else { continue };
            if !states.iter().any(|(known, _)| known.as_str() == state) {
                states.push((TokenHash::stored(state.to_owned()), name.len() + value.len()));
            }
        }
        states
    }

    /// Has the browser keep it; how many bytes that takes.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub fn keep(&self, answer: &mut Response, kept: OwnCookie<'_>, what: &Token) -> Result<usize, Error> {
        let sealed = self.broker.house_key.seal(&kept.place(), what)?;
        let size = kept.name().len() + sealed.0.len();
        self.set(answer, kept, sealed.0, kept.lives());
        Ok(size)
    }

    /// Has the browser forget it.
    pub fn forget(&self, answer: &mut Response, kept: OwnCookie<'_>) {
        self.set(answer, kept, String::new(), 0);
    }

    /// Like the session's own cookie, so that none is weaker than it.
    fn set(&self, answer: &mut Response, kept: OwnCookie<'_>, value: String, lives: i64) {
        let cookie =
            Cookie::build((format!("{}-{}", session::cookie_name(&self.broker), kept.name()), value))
                .secure(session::is_secure(&self.broker))
                .http_only(true)
                .same_site(SameSite::Lax)
                .path(session::cookie_path(&self.broker))
                .max_age(Duration::seconds(lives));
        match HeaderValue::from_str(&cookie.to_string()) {
            Ok(line) => drop(answer.headers_mut().append(header::SET_COOKIE, line)),
            // Only a name that a browser made up could be none.
            Err(error) => tracing::debug!(%error, "a cookie could not be set"),
        }
    }
}
