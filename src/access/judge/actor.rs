//! Whether somebody may be named as the one whom a caller acts for (RFC 8693 section 2.1): held against the same facts that an
//! exchange of the actor's own would be. Pure, and each rule stands here once.

use super::{Refusal, judge};
use crate::access::facts::Facts;
use crate::clock::Timestamp;
use crate::content::actors::ActorToken;

/// Why an actor's token is refused. Whoever asks is told the same for every reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Made for another environment than the one that is asked for.
    OtherEnvironment,
    OtherPerson,
    /// The person has agreed anew since, perhaps as somebody else.
    EarlierConsent,
    /// The actor itself would be given nothing there now.
    Refused(Refusal),
}

/// `facts` are those of the actor: the caller that the token names as the newest, for the connection that it names or, for
/// a caller's own token, for the one that is exchanged. `account_id` is whose token is asked for.
///
/// # Errors
/// The first rule that is broken.
pub fn actor(facts: &Facts, token: &ActorToken, account_id: &str, now: Timestamp) -> Result<(), Unfit> {
    let environment = facts.environment.as_deref();
    if environment.is_none_or(|environment| environment.content_api_url.as_str() != token.audience) {
        return Err(Unfit::OtherEnvironment);
    }
    if token.of_person.as_ref().is_some_and(|person| person.account_id != account_id) {
        return Err(Unfit::OtherPerson);
    }
    let allowed = judge(facts, now).map_err(Unfit::Refused)?;
    let connection = &allowed.found.connection;
    if connection.account_id != account_id {
        return Err(Unfit::OtherPerson);
    }
    if token.of_person.is_some() && token.issued_at < connection.consented_at {
        return Err(Unfit::EarlierConsent);
    }
    Ok(())
}

impl Unfit {
    /// For the operator.
    #[must_use]
    pub const fn why(&self) -> &'static str {
        match self {
            Self::OtherEnvironment => "it is for another environment",
            Self::OtherPerson => "it is of another person",
            Self::EarlierConsent => "the person has agreed anew since",
            Self::Refused(refusal) => refusal.why(),
        }
    }
}
