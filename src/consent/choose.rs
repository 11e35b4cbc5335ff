//! Changes what a person chose, and ends a consent whose time is over. Judges no hand-out.

mod store;

use super::choice::Choice;
use crate::Broker;
use crate::connection::{Connection, store as connections};
use crate::error::Error;
use crate::ledger::{self, Action, Entry};
use crate::revoke::begin;

/// Changes what was chosen, for every request that begins after the answer. Content tokens that are kept are not handed
/// out again.
///
/// # Errors
/// [`Error::Conflict`] when it is not live any more, or was chosen otherwise meanwhile.
pub async fn change(
    broker: &Broker,
    connection: &Connection,
    actor: &str,
    choice: &Choice,
) -> Result<(), Error> {
    let now = broker.clock.now();
    let ends = choice.lasts.end(connection.consent_expires_at, now);
    let allowed = choice.places.over(&connection.allowed);
    let mut transaction = broker.db.begin().await?;
    if !store::choose(broker, &mut transaction, connection, ends, &allowed, now).await? {
        let sentence =
            "Something else about this app was changed at the same moment. Look at it, and choose again.";
        return Err(Error::Conflict(sentence.to_owned()));
    }
    crate::content::withdraw(&mut transaction, &connection.id).await?;
    let entry = Entry::of(connection, actor);
    ledger::append(&mut transaction, &broker.ledger, Action::ConsentChanged, &entry, now).await?;
    transaction.commit().await?;
    Ok(())
}

/// Ends what was consented to for a time that is over: nothing has been handed out since, and now the issuer is told.
/// Called every second; see [`crate::start::carry_on`].
///
/// # Errors
/// When the database does not answer.
pub async fn end_due(broker: &Broker) -> Result<(), Error> {
    for id in store::ended(&broker.db, broker.clock.now()).await? {
        let Some(connection) = connections::by_id(&broker.db, &id).await? else { continue };
        match begin::end(broker, &connection, begin::Which::WhoseTimeIsOver, "attache").await {
            // Another replica, or the person, was quicker.
            Ok(_) | Err(Error::ConnectionNotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
