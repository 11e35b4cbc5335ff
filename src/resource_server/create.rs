//! Makes a resource server's credential for one environment. Its secret is returned once and kept as a hash.

use super::look_up::changed;
use super::row::ResourceServer;
use super::store;
use crate::Broker;
use crate::content;
use crate::credential::{self, Kind};
use crate::error::Error;
use crate::ledger::{self, Action, Entry};
use crate::secret::Token;

/// The one moment at which a secret is in clear.
pub struct Created {
    pub id: String,
    pub secret: Token,
}

/// So many may be live for an environment at one time, so that it can change from one to the next.
const MOST_LIVE: i64 = 2;

/// # Errors
/// [`Error::InvalidRequest`] when there is no such environment; [`Error::Conflict`] when two are live already.
pub async fn create(broker: &Broker, environment_key: &str) -> Result<Created, Error> {
    let environment = content::by_key(broker, environment_key).await?;
    let (new, now) = (credential::generate(Kind::ResourceServer), broker.clock.now());
    let row = ResourceServer {
        id: format!("rs_{}", new.id),
        environment_id: environment.id.clone(),
        is_revoked: false,
    };
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    if !store::insert(&mut transaction, &row, &new.secret.hash(), MOST_LIVE, now).await? {
        return Err(Error::Conflict(format!(
            "`{environment_key}` has {MOST_LIVE} live resource servers already; revoke one first."
        )));
    }
    let entry = Entry { actor: "operator".to_owned(), ..Entry::default() };
    let entry = entry.saying(&format!("{} for {environment_key}", row.id));
    ledger::append(&mut transaction, &broker.ledger, Action::ResourceServerCreated, &entry, now).await?;
    transaction.commit().await?;
    Ok(Created { id: row.id, secret: new.secret })
}
