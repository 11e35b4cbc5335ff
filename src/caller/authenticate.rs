//! Who a key belongs to. Unknown, revoked and mistyped are one answer.

use std::sync::Arc;

use super::look_up::held;
use super::row::Caller;
use super::{api_key, store};
use crate::Broker;
use crate::error::Error;
use crate::secret::{Token, same};

/// # Errors
/// [`Error::InvalidAuth`]; [`Error::RateLimited`].
pub async fn by_key(broker: &Broker, key: &Token) -> Result<Arc<Caller>, Error> {
    let hash = api_key::recognise(key.expose()).ok_or(Error::InvalidAuth)?;
    let caller = if broker.db.is_alone() {
        held(broker).await?.by_key.get(&hash).cloned()
    } else {
        store::by_key(&broker.db, &hash).await?.map(Arc::new)
    };
    let caller = caller.ok_or(Error::InvalidAuth)?;
    admit(broker, key, &caller)?;
    Ok(caller)
}

/// For whoever found out by itself that a key is a live one: counts its use.
///
/// # Errors
/// [`Error::RateLimited`]
pub fn admit(broker: &Broker, key: &Token, caller: &Caller) -> Result<(), Error> {
    broker.limits.know(key);
    broker.limits.admit_key(&caller.key_id)
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
    match by_key(broker, client_secret).await {
        Ok(caller) if same(&caller.id, client_id) => Ok(caller),
        Ok(_) | Err(Error::InvalidAuth) => Err(Error::InvalidClient),
        Err(error) => Err(error),
    }
}
