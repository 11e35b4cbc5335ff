//! Who a key belongs to. Unknown, revoked and mistyped are one answer.

use std::sync::Arc;

use super::look_up;
use super::row::Caller;
use crate::Broker;
use crate::access::facts::Asker;
use crate::access::judge;
use crate::credential::{self, Kind};
use crate::error::Error;
use crate::secret::{Token, TokenHash, same};

/// # Errors
/// [`Error::InvalidAuth`]; [`Error::RateLimited`].
pub async fn by_key(broker: &Broker, key: &Token) -> Result<Arc<Caller>, Error> {
    let hash = recognise(key)?;
    admit(broker, key, &Asker::Key(look_up::key(broker, &hash).await?))
}

/// The hash by which a key is known.
///
/// # Errors
/// [`Error::InvalidAuth`] when it cannot be one of ours.
pub(crate) fn recognise(key: &Token) -> Result<TokenHash, Error> {
    credential::recognise(Kind::ApiKey, key.expose()).ok_or(Error::InvalidAuth)
}

/// Judges who shows a key, and counts its use.
///
/// # Errors
/// [`Error::InvalidAuth`]; [`Error::RateLimited`].
pub(crate) fn admit(broker: &Broker, key: &Token, asker: &Asker) -> Result<Arc<Caller>, Error> {
    let caller = judge::asker(asker).ok().flatten().ok_or(Error::InvalidAuth)?;
    broker.limits.know(key);
    broker.limits.admit_key(&caller.key_id)?;
    Ok(Arc::clone(caller))
}

/// As a confidential client of `/oauth/token`: the caller's id and one of its keys. RFC 6749 section 2.3.1.
///
/// # Errors
/// [`Error::InvalidClient`]; [`Error::RateLimited`].
pub async fn by_client(
    broker: &Broker,
    client_id: &str,
    client_secret: &Token,
) -> Result<Arc<Caller>, Error> {
    as_client(client_id, by_key(broker, client_secret).await)
}

/// Whoever showed a key, if it is the client that it says.
///
/// # Errors
/// [`Error::InvalidClient`]; [`Error::RateLimited`].
pub(crate) fn as_client(client_id: &str, shown: Result<Arc<Caller>, Error>) -> Result<Arc<Caller>, Error> {
    match shown {
        Ok(caller) if same(&caller.id, client_id) => Ok(caller),
        Ok(_) | Err(Error::InvalidAuth) => Err(Error::InvalidClient),
        Err(error) => Err(error),
    }
}
