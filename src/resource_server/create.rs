//! Makes a resource server's credential for one environment, or for pages of one origin. Its secret is returned once and kept as a hash.

use serde::{Deserialize, Serialize};

use super::look_up::changed;
use super::row::{Protects, ResourceServer};
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

/// What a credential is wanted for, as an operator says it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ToProtect {
    /// An environment's key.
    Environment(String),
    Origin(String),
}

impl ToProtect {
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Environment(name) | Self::Origin(name) => name,
        }
    }
}

/// So many may be live for the same at one time, so that it can change from one to the next.
const MOST_LIVE: i64 = 2;

/// # Errors
/// [`Error::InvalidRequest`] when there is no such environment, or the origin may not ask for session tokens;
/// [`Error::Conflict`] when two are live already.
pub async fn create(broker: &Broker, wanted: &ToProtect) -> Result<Created, Error> {
    let (protects, name) = (protects(broker, wanted).await?, wanted.name());
    let (new, now) = (credential::generate(Kind::ResourceServer), broker.clock.now());
    let row = ResourceServer { id: format!("rs_{}", new.id), protects, is_revoked: false };
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    if !store::insert(&mut transaction, &row, &new.secret.hash(), MOST_LIVE, now).await? {
        return Err(Error::Conflict(format!(
            "`{name}` has {MOST_LIVE} live resource servers already; revoke one first."
        )));
    }
    let entry = Entry { actor: "operator".to_owned(), ..Entry::default() };
    let entry = entry.saying(&format!("{} for {name}", row.id));
    ledger::append(&mut transaction, &broker.ledger, Action::ResourceServerCreated, &entry, now).await?;
    transaction.commit().await?;
    Ok(Created { id: row.id, secret: new.secret })
}

async fn protects(broker: &Broker, wanted: &ToProtect) -> Result<Protects, Error> {
    match wanted {
        ToProtect::Environment(key) => {
            Ok(Protects::Environment(content::by_key(broker, key).await?.id.clone()))
        }
        ToProtect::Origin(origin) if may_ask(broker, origin) => Ok(Protects::Origin(origin.clone())),
        ToProtect::Origin(origin) => Err(Error::InvalidRequest(format!(
            "Pages of `{origin}` are given no session tokens; list it in `session_tokens.allowed_origins` first."
        ))),
    }
}

/// Our own pages are given some as well.
fn may_ask(broker: &Broker, origin: &str) -> bool {
    broker.config.session_tokens.allows(origin) || origin == broker.config.public_url.origin_text()
}
