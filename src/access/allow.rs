//! Lets somebody use a connection: loads the [`facts`], has them [`judge`]d, and turns what is refused into the answer.
//! Judged anew for each request. Hands out nothing.

mod store;

use std::sync::Arc;

use super::facts::{self, Asker, Facts, Question, Wanted, Which, Who};
use super::judge::{self, judge};
use crate::Broker;
use crate::caller::{Caller, authenticate};
use crate::connection::Connection;
use crate::error::Error;
use crate::secret::{Token, TokenHash};

/// A caller that has shown a live key, and the connection that it may use: live, of an approved app that it is
/// allowed. Not there and not its own are the same answer.
///
/// # Errors
/// [`Error::InvalidAuth`] before anything else; [`Error::RateLimited`]; [`Error::ConnectionNotFound`];
/// [`Error::Frozen`]; [`Error::RestoredCopy`].
pub async fn by_key(broker: &Broker, key: &Token, id: &str) -> Result<(Arc<Caller>, Arc<Connection>), Error> {
    let hash = authenticate::recognise(key)?;
    let question = Question { who: Who::Key(&hash), which: Which::Id(id), wanted: Wanted::Connection };
    let admit = |asker: &Asker| authenticate::admit(broker, key, asker).map(drop);
    let facts = facts::load(broker, &question, admit).await?;
    let allowed = judge(&facts, broker.clock.now()).map_err(|refusal| refusal.error(broker))?;
    let caller = allowed.caller.ok_or(Error::InvalidAuth)?;
    Ok((Arc::clone(caller), Arc::clone(&allowed.found.connection)))
}

/// As [`by_key`], for a caller that is known already.
///
/// # Errors
/// [`Error::ConnectionNotFound`]; [`Error::Frozen`]; [`Error::RestoredCopy`].
pub async fn for_caller(broker: &Broker, caller_id: &str, id: &str) -> Result<Arc<Connection>, Error> {
    use_of(broker, Who::Caller(caller_id), id).await
}

/// For this process itself, which refreshes before anybody asks.
///
/// # Errors
/// [`Error::ConnectionNotFound`]; [`Error::Frozen`]; [`Error::RestoredCopy`].
pub async fn for_nobody(broker: &Broker, id: &str) -> Result<Arc<Connection>, Error> {
    use_of(broker, Who::Nobody, id).await
}

async fn use_of(broker: &Broker, who: Who<'_>, id: &str) -> Result<Arc<Connection>, Error> {
    let question = Question { who, which: Which::Id(id), wanted: Wanted::Connection };
    let facts: Facts = facts::load(broker, &question, |_| Ok(())).await?;
    let allowed = judge(&facts, broker.clock.now()).map_err(|refusal| refusal.error(broker))?;
    Ok(Arc::clone(&allowed.found.connection))
}

/// Refuses an access token that only callers hold which may not use it any more. Which of several shows it nobody can
/// tell; nor whose one is that was never handed to any, such as an older one, or its person's own.
///
/// # Errors
/// [`Error::Frozen`]; [`Error::SubjectTokenRefused`] when none of them has a live key.
pub async fn refuse_stopped_holders(
    broker: &Broker,
    connection: &Connection,
    hash: &TokenHash,
) -> Result<(), Error> {
    let Some(generation) = connection.generation_of(hash) else { return Ok(()) };
    let holders = store::holders(&broker.db, connection, generation).await?;
    judge::holders(&holders, connection).map_err(|refusal| refusal.error(broker))
}
