//! The facts that decide what a page of the platform may have at an environment, for the person who is signed in there. From
//! memory where this process is alone with its database, else by statements. Judges nothing; see
//! [`super::judge::own::by_session`].

use std::sync::Arc;

use crate::Broker;
use crate::account::{self, Account};
use crate::content::environment::Environment;
use crate::error::Error;
use crate::freeze::freezes;
use crate::secret::TokenHash;
use crate::session;

#[derive(Clone, Copy, Debug)]
pub struct SessionFacts<'a> {
    pub environment: &'a Environment,
    /// None when the person is gone, or the session is not theirs any more.
    pub account: Option<&'a Account>,
    /// Whether a freeze covers the person, or everything.
    pub is_frozen: bool,
}

/// # Errors
/// When the database does not answer.
pub async fn load<'a>(
    broker: &Broker,
    account: Option<&'a Account>,
    environment: &'a Environment,
) -> Result<SessionFacts<'a>, Error> {
    let is_frozen = match account {
        Some(account) => freezes::stops_person(broker, account).await?,
        None => false,
    };
    Ok(SessionFacts { environment, account, is_frozen })
}

/// Whose a session is that a token names, as long as it is there.
///
/// # Errors
/// When the database does not answer.
pub async fn person(
    broker: &Broker,
    session: &TokenHash,
    account_id: &str,
) -> Result<Option<Arc<Account>>, Error> {
    if !session::is_of(&broker.db, session, account_id, broker.clock.now()).await? {
        return Ok(None);
    }
    Ok(account::by_id(broker, account_id).await?)
}
