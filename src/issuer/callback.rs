//! The authorization answer as it comes through the browser (RFC 6749 section 4.1.2, RFC 9207): parsed once,
//! judged against the issuer that was asked.

use super::authorization_error::AuthorizationError;
use super::endpoints::Endpoints;
use super::redact::quote;
use crate::secret::{Token, same};

/// The parameters of one answer. None of them stands twice.
#[derive(Debug, Default)]
pub struct Callback {
    code: Option<Token>,
    state: Option<Token>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// A parameter stands twice, or is longer than anything an issuer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedCallback;

/// What the issuer said.
pub enum Answered {
    Code(Token),
    Denied,
    /// The issuer's own error word and description, tidied.
    Error(String),
    /// Not the issuer that was asked, or not sure to be: whatever else it says is ignored.
    WrongIssuer,
    Nothing,
}

const LONGEST: usize = 8 * 1024;

impl Callback {
    /// # Errors
    /// [`MalformedCallback`]
    pub fn parse(query: &str) -> Result<Self, MalformedCallback> {
        let mut callback = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if value.len() > LONGEST {
                return Err(MalformedCallback);
            }
            match &*name {
                "code" => once(&mut callback.code, Token::new(value))?,
                "state" => once(&mut callback.state, Token::new(value))?,
                "iss" => once(&mut callback.iss, value.into_owned())?,
                "error" => once(&mut callback.error, value.into_owned())?,
                "error_description" => once(&mut callback.error_description, value.into_owned())?,
                _ => {}
            }
        }
        Ok(callback)
    }

    #[must_use]
    pub const fn state(&self) -> Option<&Token> {
        self.state.as_ref()
    }

    /// What the issuer's error comes down to, where it is one.
    #[must_use]
    pub fn error(&self) -> AuthorizationError {
        self.error.as_deref().map_or(AuthorizationError::ServerError, AuthorizationError::of)
    }

    /// What was said, once it is sure who said it. `sent` is what of ours the issuer knows, which is not repeated.
    #[must_use]
    pub fn answered(&self, endpoints: &Endpoints, sent: &[&Token]) -> Answered {
        let wrong = match (&self.iss, &endpoints.identifier) {
            (Some(iss), Some(identifier)) => !same(iss, identifier),
            (None, Some(_)) => endpoints.sends_iss,
            (_, None) => false,
        };
        if wrong {
            return Answered::WrongIssuer;
        }
        match (&self.error, &self.code) {
            (Some(error), _) if error == "access_denied" => Answered::Denied,
            (Some(error), _) => {
                let description = self.error_description.as_deref().unwrap_or_default();
                let said =
                    if description.is_empty() { error.clone() } else { format!("{error}, {description}") };
                let own = [&self.state, &self.code].into_iter().flatten();
                let secrets: Vec<&str> = sent.iter().copied().chain(own).map(Token::expose).collect();
                Answered::Error(quote(&said, &secrets))
            }
            (None, Some(code)) => Answered::Code(code.clone()),
            (None, None) => Answered::Nothing,
        }
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), MalformedCallback> {
    if slot.replace(value).is_some() { Err(MalformedCallback) } else { Ok(()) }
}
