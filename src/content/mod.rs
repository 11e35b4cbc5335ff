//! Content tokens: short-lived bearers for one environment of a content platform, attributable to the account.
//! Mints them, or asks the platform's management API for them, and keeps them until shortly before expiry.

pub mod ask;
pub mod environment;
pub mod exchange;
pub mod mint;
pub mod sight;
pub mod signing_key;
mod store;
pub mod subject;
pub mod sync;
pub mod verify;

pub use environment::{AccountRule, AppRule, Environment, Strategy};
pub use exchange::KeptToken;
pub use store::{forget, sweep, withdraw};

use std::sync::Arc;

use crate::Broker;
use crate::account::Account;
use crate::db::write::Transaction;
use crate::error::Error;

/// The environments that an app may reach for an account.
///
/// # Errors
/// When the database does not answer.
pub async fn open_environments(
    broker: &Broker,
    app_key: &str,
    account: &Account,
) -> Result<Vec<Arc<Environment>>, Error> {
    let (all, now) = (all(broker).await?, broker.clock.now());
    Ok(all.iter().filter(|environment| environment.is_open_to(app_key, account, now)).cloned().collect())
}

/// Every environment there is; they are few.
async fn all(broker: &Broker) -> Result<Arc<Vec<Arc<Environment>>>, sqlx::Error> {
    broker.held.environments.get(&broker.db, async || read_all(broker).await).await
}

/// Those that are held in memory; None where nothing is.
async fn held(broker: &Broker) -> Result<Option<Arc<Vec<Arc<Environment>>>>, sqlx::Error> {
    broker.held.environments.held(&broker.db, async || read_all(broker).await).await
}

async fn read_all(broker: &Broker) -> Result<Vec<Arc<Environment>>, sqlx::Error> {
    Ok(store::all(&broker.db).await?.into_iter().map(Arc::new).collect())
}

/// Environments are changed in this transaction, and the tokens for them may be dropped.
fn changed(broker: &Broker, transaction: &mut Transaction) {
    let broker = broker.clone();
    transaction.after_commit(move || {
        broker.held.environments.forget();
        broker.held.content_tokens.forget_all();
    });
}
