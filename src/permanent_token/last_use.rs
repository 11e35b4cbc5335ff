//! Tells the database when each permanent token was last used.

use super::store;
use crate::Broker;
use crate::error::Error;

/// For the housekeeping.
///
/// # Errors
/// When the database does not answer; what was not told is told the next time.
pub async fn tell(broker: &Broker) -> Result<(), Error> {
    for (id, at) in broker.permanent_token_uses.due() {
        store::tell_last_use(&broker.db, &id, at).await?;
        broker.permanent_token_uses.told(&id, at);
    }
    Ok(())
}
