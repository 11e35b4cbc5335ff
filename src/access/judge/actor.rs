//! Whether somebody may be named as the one whom a caller acts for (RFC 8693 section 2.1): only with a content token that is good
//! now, of the same person or of nobody. Pure.

use super::issued::{Inactive, OfToken, issued, own};
use crate::access::by_itself::OwnFacts;
use crate::access::facts::Facts;
use crate::clock::Timestamp;
use crate::content::issued_token::IssuedToken;

/// What decides about an actor's token.
#[derive(Debug)]
pub enum ActorFacts {
    /// Of the connection that it names, for the caller that it names.
    OfPerson(Facts),
    /// Of the caller itself, whose token is of no person.
    Own(OwnFacts),
}

/// `account_id` is whose token is asked for.
///
/// # Errors
/// The first rule that is broken.
pub fn actor(
    facts: &ActorFacts,
    token: &IssuedToken,
    of_token: OfToken,
    account_id: &str,
    now: Timestamp,
) -> Result<(), Inactive> {
    match facts {
        ActorFacts::Own(facts) => own(facts, token, of_token, now),
        ActorFacts::OfPerson(_) if token.subject != account_id => Err(Inactive::OtherPerson),
        ActorFacts::OfPerson(facts) => issued(facts, token, of_token, now).map(|_| ()),
    }
}
