//! Takes an app out of use. It is suspended, never deleted: its connections and its ledger still name it.

use super::change::suspend;
use super::{Source, store};
use crate::Broker;
use crate::error::Error;

/// # Errors
/// [`Error::AppNotFound`]; [`Error::Conflict`] when people are still connected or the file owns it.
pub async fn remove(broker: &Broker, key: &str) -> Result<(), Error> {
    let app = store::by_key(&broker.db, key).await?.ok_or(Error::AppNotFound)?;
    if app.source == Source::Config {
        return Err(Error::Conflict(format!(
            "The app `{key}` stands in the configuration file; remove it there."
        )));
    }
    let live = crate::connection::look_up::count_live(broker, &app.id).await?;
    if !live.is_none() {
        return Err(Error::Conflict(format!(
            "The app `{key}` still has {live} live connections; end them first with `attache revoke --app {key}`."
        )));
    }
    suspend(broker, &app.id).await?;
    Ok(())
}
