//! An answer on its way into the database, in a task of its own: it is not cut off when it takes long, for a commit that
//! nobody hears of may have been carried out. Decides nothing; see [`super::protocol`].

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::Instrument;

use super::store;
use crate::Broker;
use crate::connection::{Connection, SealedTokens};
use crate::error::Error;
use crate::ledger::Entry;

/// For how long nobody minds; from then on a crash must not lose the answer.
const PATIENCE: Duration = Duration::from_secs(1);

pub struct Storing(JoinHandle<Result<bool, Error>>);

impl Storing {
    pub fn begin(broker: &Broker, on: &Connection, fence: i64, tokens: SealedTokens, entry: Entry) -> Self {
        let (broker, on, now) = (broker.clone(), on.clone(), broker.clock.now());
        let tasks = broker.tasks.clone();
        let storing =
            async move { Ok(store::commit_refresh(&broker, &on, fence, &tokens, &entry, now).await?) };
        Self(tasks.spawn(storing.in_current_span()))
    }

    /// Whether it was stored; or itself, when that is not known yet.
    pub async fn wait(mut self) -> Result<Result<bool, Error>, Self> {
        match timeout(PATIENCE, &mut self.0).await {
            Ok(Ok(stored)) => Ok(stored),
            Ok(Err(_)) => Ok(Err(Error::Internal("Storing a refreshed grant was cut off.".to_owned()))),
            Err(_) => Err(self),
        }
    }
}
