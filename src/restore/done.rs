//! Takes a restored copy into use, by the operator's word.

use super::store;
use crate::Broker;
use crate::app;
use crate::error::Error;
use crate::freeze::restored_copy;
use crate::refresh::rescue;
use crate::vault::house;

/// The operator says that the copy is to be used: who waits may try its token once, when somebody asks for it. How many
/// those are; None when there was nothing to say it of.
///
/// # Errors
/// When the database does not answer.
pub async fn done(broker: &Broker) -> Result<Option<i64>, Error> {
    // First what was left alone until now, for it may have been the newest database's: nobody is to spend what it replaces.
    rescue::replay_for_the_copy(broker).await?;
    if store::open(&broker.db).await?.is_none() {
        return Ok(None);
    }
    // Nobody knows how often the house key has sealed since the copy was made.
    match house::rotate(broker).await {
        Ok(_) | Err(Error::Conflict(_)) => {}
        Err(error) => return Err(error),
    }
    let now = broker.clock.now();
    let apps = app::all(broker).await?;
    let mut transaction = broker.db.begin().await?;
    if !store::close(&mut transaction, now).await? {
        return Ok(None);
    }
    restored_copy::end(broker, &mut transaction).await?;
    let mut freed = 0;
    for app in &apps {
        freed += restored_copy::let_go(broker, &mut transaction, &app.id, now).await?;
    }
    transaction.commit().await?;
    tracing::warn!(connections = freed, "the restored copy is in use by the operator's word");
    Ok(Some(freed))
}
