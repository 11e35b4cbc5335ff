//! Makes a permanent token for one environment. It is returned once and kept as a hash.

use serde::{Deserialize, Serialize};

use super::look_up::changed;
use super::row::PermanentToken;
use super::store;
use crate::Broker;
use crate::clock::Timestamp;
use crate::content;
use crate::content::permission::{Permissions, typed};
use crate::credential::{self, Kind};
use crate::error::Error;
use crate::ledger::{self, Action, Entry};
use crate::secret::Token;

/// What an operator asks for.
#[derive(Debug, Serialize, Deserialize)]
pub struct Wanted {
    /// The environment's key.
    pub environment: String,
    pub name: String,
    /// A JSON array, as it was typed.
    pub permissions: String,
    pub default_stage: Option<String>,
    pub expires_at: Option<Timestamp>,
}

/// The one moment at which a token is in clear.
pub struct Created {
    pub id: String,
    pub token: Token,
}

const LONGEST_NAME: usize = 100;
const LONGEST_STAGE: usize = 100;
/// So many may be live for an environment at one time.
const MOST_LIVE: i64 = 100;

/// # Errors
/// [`Error::InvalidRequest`] for what is wrong with what is wanted, with its path; [`Error::Conflict`] when too many are
/// live.
pub async fn create(broker: &Broker, wanted: &Wanted) -> Result<Created, Error> {
    let now = broker.clock.now();
    let permissions = judge(wanted, now)?;
    let environment = content::by_key(broker, &wanted.environment).await?;
    let new = credential::generate(Kind::PermanentToken);
    let row = PermanentToken {
        id: format!("pt_{}", new.id),
        name: wanted.name.trim().to_owned(),
        environment_id: environment.id.clone(),
        permissions,
        default_stage: wanted.default_stage.clone(),
        made_at: now,
        expires_at: wanted.expires_at,
        is_revoked: false,
        has_environment: true,
    };
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    if !store::insert(&mut transaction, &row, &new.secret.hash(), MOST_LIVE).await? {
        return Err(Error::Conflict(format!(
            "`{}` has {MOST_LIVE} live permanent tokens already; revoke one first.",
            wanted.environment
        )));
    }
    let entry = Entry { actor: "operator".to_owned(), ..Entry::default() };
    let entry = entry.saying(&format!("{} for {}", row.id, wanted.environment));
    ledger::append(&mut transaction, &broker.ledger, Action::PermanentTokenCreated, &entry, now).await?;
    transaction.commit().await?;
    Ok(Created { id: row.id, token: new.secret })
}

fn judge(wanted: &Wanted, now: Timestamp) -> Result<Permissions, Error> {
    let refuse = |sentence: &str| Err(Error::InvalidRequest(sentence.to_owned()));
    let is_line = |text: &str, longest: usize| {
        !text.trim().is_empty() && text.chars().count() <= longest && !text.contains(char::is_control)
    };
    if !is_line(&wanted.name, LONGEST_NAME) {
        return refuse("A permanent token's name is one line of 1 to 100 characters; say what it is for.");
    }
    if wanted.default_stage.as_deref().is_some_and(|stage| !is_line(stage, LONGEST_STAGE)) {
        return refuse("The default stage must be a stage, such as PUBLISHED.");
    }
    if wanted.expires_at.is_some_and(|ends| ends <= now) {
        return refuse("The permanent token would have run out already; name a moment to come.");
    }
    let permissions = typed::read(&wanted.permissions).map_err(Error::InvalidRequest)?;
    if permissions.is_empty() {
        return refuse("permissions: is empty; a token that may do nothing is of no use.");
    }
    Ok(permissions)
}
