//! Tells the database when each resource server was last used.

use super::store;
use crate::Broker;
use crate::error::Error;

/// For the housekeeping.
///
/// # Errors
/// When the database does not answer; what was not told is told the next time.
pub async fn tell(broker: &Broker) -> Result<(), Error> {
    for (id, at) in broker.resource_server_uses.due() {
        store::tell_last_use(&broker.db, &id, at).await?;
        broker.resource_server_uses.told(&id, at);
    }
    Ok(())
}
