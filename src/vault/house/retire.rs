//! Destroys the house's keys that nothing needs any more. Knows for how long that is, and so whatever they seal.

use super::{follow, store};
use crate::Broker;
use crate::content::signing_key::rotate as signing_keys;
use crate::error::Error;
use crate::replicas::lives::HEARD;
use crate::session;

/// Seconds for which something that a key has sealed may be needed, beside what has no end.
const NEEDED: i64 = session::LIFETIME;

/// Destroys the keys that nothing needs any more. What has no end is sealed anew by the present one before.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(broker: &Broker) -> Result<(), Error> {
    let now = broker.clock.now();
    let stored = store::all(&broker.db).await?;
    let Some(present) = stored.iter().position(|key| key.seals_from <= now) else { return Ok(()) };
    let (successor, past) = (&stored[present], &stored[present + 1..]);
    if past.is_empty() || successor.seals_from.plus(NEEDED + HEARD) > now {
        return Ok(());
    }
    signing_keys::seal_anew(broker).await?;
    for old in past {
        if store::destroy(&broker.db, &old.key.kid).await? {
            tracing::warn!(kid = old.key.kid, "a house key that nothing needs any more is destroyed");
        }
    }
    follow(broker).await
}
