//! Who may use a connection: whatever authorizes is judged here, anew for each request. Where this process is alone
//! with its database, from what it holds in memory; else by one statement. Hands out nothing.

pub(crate) mod store;

pub use store::{FROZEN, STANDS_FOR, authorized, caller, flag, found, from_key};

use std::sync::Arc;

use crate::Broker;
use crate::app::{App, AppStatus};
use crate::caller::{self, Caller, api_key, authenticate};
use crate::connection::{Connection, held, is_id};
use crate::db;
use crate::error::Error;
use crate::freeze::freezes;
use crate::freeze::selection::Use;
use crate::secret::{Token, TokenHash};

/// A caller that has shown a live key, and the connection that it may use: live, of an approved app that it is
/// allowed. Not there and not its own are the same answer.
///
/// # Errors
/// [`Error::InvalidAuth`] before anything else; [`Error::ConnectionNotFound`]; [`Error::Frozen`]; [`Error::RestoredCopy`].
pub async fn by_key(broker: &Broker, key: &Token, id: &str) -> Result<(Arc<Caller>, Arc<Connection>), Error> {
    if broker.db.is_alone() {
        let caller = authenticate::by_key(broker, key).await?;
        let connection = for_caller(broker, &caller.id, id).await?;
        return Ok((caller, connection));
    }
    let hash = api_key::recognise(key.expose()).ok_or(Error::InvalidAuth)?;
    // What cannot be an id is looked for all the same, for the key is judged first.
    let id = Some(id).filter(|id| is_id(id)).unwrap_or_default();
    let (caller, found) =
        store::by_key(&broker.db, &hash, id, broker.clock.now()).await?.ok_or(Error::InvalidAuth)?;
    authenticate::admit(broker, key, &caller)?;
    Ok((Arc::new(caller), judge(broker, found).await?))
}

/// As [`by_key`], for a caller that is known already.
///
/// # Errors
/// [`Error::ConnectionNotFound`]; [`Error::Frozen`]; [`Error::RestoredCopy`].
pub async fn for_caller(broker: &Broker, caller_id: &str, id: &str) -> Result<Arc<Connection>, Error> {
    if !is_id(id) {
        return Err(Error::ConnectionNotFound);
    }
    if !broker.db.is_alone() {
        return judge(broker, store::for_caller(&broker.db, caller_id, id, broker.clock.now()).await?).await;
    }
    let connection = held::by_id(broker, id).await?.ok_or(Error::ConnectionNotFound)?;
    let allowed = caller::is_allowed(broker, caller_id, &connection.app_id).await?;
    if !allowed || !is_usable(broker, &connection) {
        return Err(Error::ConnectionNotFound);
    }
    refuse_frozen_to(broker, &connection, Some(caller_id)).await?;
    Ok(connection)
}

/// The live connection whose access token this is, current or previous, of an approved app. Some issuers give one
/// access token twice: on the connections of two accounts it stands for neither. Freezes are not judged here.
///
/// # Errors
/// When the database does not answer.
pub async fn by_access_token(broker: &Broker, hash: &TokenHash) -> Result<Option<Arc<Connection>>, Error> {
    let now = broker.clock.now();
    if !broker.db.is_alone() {
        return Ok(store::by_access_token(&broker.db, hash, now).await?.map(Arc::new));
    }
    for _ in 0..2 {
        let Some(connection) = held::by_access_token(broker, hash).await? else { return Ok(None) };
        if connection.stands_for(hash, now) {
            let good = is_usable(broker, &connection) && approved(broker, &connection).await?.is_some();
            return Ok(Some(connection).filter(|_| good));
        }
        // It has another token by now; perhaps this one is another connection's.
        broker.held.by_access_token.forget(hash.as_str());
    }
    Ok(None)
}

/// Refuses a connection that a freeze covers, whoever uses it.
///
/// # Errors
/// [`Error::Frozen`]; [`Error::RestoredCopy`].
pub async fn refuse_frozen(broker: &Broker, connection: &Connection) -> Result<(), Error> {
    if broker.db.is_alone() {
        return refuse_frozen_to(broker, connection, None).await;
    }
    if store::is_frozen(&broker.db, &connection.id).await? {
        return Err(freezes::refusal(broker, connection).await);
    }
    Ok(())
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
    if holders.all == 0 || holders.free > 0 {
        return Ok(());
    }
    if holders.keyed > 0 {
        return Err(Error::Frozen);
    }
    Err(Error::subject_token_refused("it was handed to callers only that have no live key any more"))
}

async fn judge(broker: &Broker, found: Option<(Connection, bool)>) -> Result<Arc<Connection>, Error> {
    match found {
        None => Err(Error::ConnectionNotFound),
        Some((connection, true)) => Err(freezes::refusal(broker, &connection).await),
        Some((connection, false)) => Ok(Arc::new(connection)),
    }
}

fn is_usable(broker: &Broker, connection: &Connection) -> bool {
    let consented = connection.consent_expires_at.is_none_or(|ends| ends > broker.clock.now());
    connection.is_live() && consented
}

async fn approved(broker: &Broker, connection: &Connection) -> Result<Option<Arc<App>>, db::Error> {
    let app = crate::app::by_id(broker, &connection.app_id).await?;
    Ok(app.filter(|app| app.status == AppStatus::Approved))
}

/// Of an approved app, and not frozen.
async fn refuse_frozen_to(
    broker: &Broker,
    connection: &Connection,
    caller_id: Option<&str>,
) -> Result<(), Error> {
    let app = approved(broker, connection).await?.ok_or(Error::ConnectionNotFound)?;
    let used = Use::of(connection, &app.issuer.id, caller_id);
    if freezes::is_frozen(broker, used).await? {
        return Err(freezes::refusal(broker, connection).await);
    }
    Ok(())
}
