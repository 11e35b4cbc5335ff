//! Whether a content token that was issued here is good now, at an environment. What it says is held against the same facts
//! that an exchange is judged by. Pure, and each rule stands here once.

use super::own::{by_itself, by_session};
use super::{Authorized, Refusal, judge, permissions};
use crate::access::by_itself::OwnFacts;
use crate::access::by_session::SessionFacts;
use crate::access::facts::{Facts, Found};
use crate::clock::Timestamp;
use crate::content::environment::Environment;
use crate::content::issued_token::IssuedToken;

/// What else decides about one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfToken {
    /// By itself.
    pub is_revoked: bool,
    /// The key that it names signs for nobody any more.
    pub is_key_withdrawn: bool,
}

/// Why a content token is not good. Whoever asks is told the same for every reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inactive {
    RanOut,
    /// By itself.
    Revoked,
    KeyWithdrawn,
    OtherEnvironment,
    OtherPerson,
    /// The person has agreed anew since, perhaps as somebody else or to less.
    EarlierConsent,
    /// It says more than it would be given now.
    Narrowed,
    /// Nobody would be given one now.
    Refused(Refusal),
}

/// `facts` are those of the connection that the token names, for the caller that it names.
///
/// # Errors
/// The first rule that is broken.
pub fn issued<'a>(
    facts: &'a Facts,
    token: &IssuedToken,
    of_token: OfToken,
    now: Timestamp,
) -> Result<Authorized<'a>, Inactive> {
    let environment = facts.environment.as_deref();
    let environment = environment.ok_or(Inactive::Refused(Refusal::EnvironmentClosed))?;
    stands(token, of_token, environment, now)?;
    let allowed = judge(facts, now).map_err(Inactive::Refused)?;
    let connection = &allowed.found.connection;
    if connection.account_id != token.subject {
        return Err(Inactive::OtherPerson);
    }
    if token.issued_at < connection.consented_at {
        return Err(Inactive::EarlierConsent);
    }
    let Found { app, account, .. } = allowed.found;
    let account = account.as_deref().ok_or(Inactive::Refused(Refusal::AccountGone))?;
    let now_allowed = permissions(environment, app, account, connection, now);
    if !now_allowed.is_some_and(|now_allowed| now_allowed.cover(&token.permissions)) {
        return Err(Inactive::Narrowed);
    }
    Ok(allowed)
}

/// A caller's own token, of nobody: by the facts of that caller.
///
/// # Errors
/// The first rule that is broken.
pub fn own(facts: &OwnFacts, token: &IssuedToken, of_token: OfToken, now: Timestamp) -> Result<(), Inactive> {
    stands(token, of_token, &facts.environment, now)?;
    let allowed = by_itself(facts).map_err(Inactive::Refused)?;
    if allowed.cover(&token.permissions) { Ok(()) } else { Err(Inactive::Narrowed) }
}

/// A token that a page of this origin was given, for whoever is signed in there.
///
/// # Errors
/// The first rule that is broken.
pub fn of_session(
    facts: SessionFacts<'_>,
    origin: &str,
    token: &IssuedToken,
    of_token: OfToken,
    now: Timestamp,
) -> Result<(), Inactive> {
    stands(token, of_token, facts.environment, now)?;
    let allowed = by_session(facts, origin, now).map_err(Inactive::Refused)?;
    if allowed.cover(&token.permissions) { Ok(()) } else { Err(Inactive::Narrowed) }
}

/// By itself, whoever it is of.
fn stands(
    token: &IssuedToken,
    of_token: OfToken,
    environment: &Environment,
    now: Timestamp,
) -> Result<(), Inactive> {
    if !token.lives(now) {
        return Err(Inactive::RanOut);
    }
    if of_token.is_revoked {
        return Err(Inactive::Revoked);
    }
    if of_token.is_key_withdrawn {
        return Err(Inactive::KeyWithdrawn);
    }
    // Where the platform gives its own tokens, ours are good no more.
    if !token.is_for(environment) || !environment.strategy.mints() {
        return Err(Inactive::OtherEnvironment);
    }
    Ok(())
}

impl Inactive {
    /// For the operator.
    #[must_use]
    pub const fn why(&self) -> &'static str {
        match self {
            Self::RanOut => "it has run out",
            Self::Revoked => "it was revoked",
            Self::KeyWithdrawn => "the key that signed it was withdrawn",
            Self::OtherEnvironment => "it is not for this resource server's environment",
            Self::OtherPerson => "its connection is another person's",
            Self::EarlierConsent => "the person has agreed anew since",
            Self::Narrowed => "less is allowed there by now",
            Self::Refused(refusal) => refusal.why(),
        }
    }
}
