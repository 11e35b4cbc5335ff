//! Which resource server a secret belongs to. Unknown, revoked and mistyped are one answer.

use std::sync::Arc;

use super::look_up;
use super::row::ResourceServer;
use crate::Broker;
use crate::credential::{self, Kind};
use crate::error::Error;
use crate::secret::{Token, TokenHash, same};

/// As a client of the token endpoints: its id and its secret. RFC 6749 section 2.3.1.
///
/// # Errors
/// [`Error::ResourceServerRefused`]
pub async fn by_client(
    broker: &Broker,
    client_id: &str,
    client_secret: &Token,
) -> Result<Arc<ResourceServer>, Error> {
    let hash = recognise(client_secret)?;
    let found = look_up::by_secret(broker, &hash).await?;
    admit(broker, Some(client_id), client_secret, found.as_ref()).map(Arc::clone)
}

/// The hash by which a secret is known.
///
/// # Errors
/// [`Error::ResourceServerRefused`] when it cannot be one of ours.
pub(super) fn recognise(secret: &Token) -> Result<TokenHash, Error> {
    credential::recognise(Kind::ResourceServer, secret.expose()).ok_or(Error::ResourceServerRefused)
}

/// Judges whoever shows a secret, and notes its use. `client_id` is who it says it is, where it says so.
///
/// # Errors
/// [`Error::ResourceServerRefused`]
pub(super) fn admit<'a>(
    broker: &Broker,
    client_id: Option<&str>,
    secret: &Token,
    found: Option<&'a Arc<ResourceServer>>,
) -> Result<&'a Arc<ResourceServer>, Error> {
    let found = found.filter(|found| !found.is_revoked);
    let found = found.filter(|found| client_id.is_none_or(|id| same(&found.id, id)));
    let found = found.ok_or(Error::ResourceServerRefused)?;
    broker.limits.know(secret);
    broker.resource_server_uses.note(&found.id, broker.clock.now());
    Ok(found)
}
