//! What a lost answer left in doubt, looked at now: the time of its next look came from a clock that nobody goes by any
//! more. Only where an overlap still heals what was lost. Asks no issuer; makes due.

use super::store;
use crate::Broker;
use crate::connection::held;
use crate::error::Error;

/// After a start, and whenever the clock went back.
///
/// # Errors
/// When the database does not answer.
pub async fn look_now(broker: &Broker) -> Result<(), Error> {
    for app in crate::app::all(broker).await? {
        let now = broker.clock.now();
        let Some(since) = app.issuer.profile.haste_since(now) else { continue };
        let ids = store::doubts(&broker.db, &app.id, since, now).await?;
        if ids.is_empty() {
            continue;
        }
        let mut transaction = broker.db.begin().await?;
        for id in &ids {
            held::changed(broker, &mut transaction, id, None);
            store::look_now(&mut transaction, id, now).await?;
        }
        transaction.commit().await?;
    }
    Ok(())
}
