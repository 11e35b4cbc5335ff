//! Makes an API key, and its caller when it is the first. The key is returned once and kept as a hash.

use super::look_up::changed;
use super::store;
use crate::Broker;
use crate::app::Source;
use crate::credential::{self, Kind};
use crate::error::Error;
use crate::ledger::{self, Action, Entry};
use crate::secret::{Token, random_id};

/// The one moment at which a key is in clear.
pub struct Created {
    pub caller_id: String,
    pub key_id: String,
    pub key: Token,
}

/// Keys that a caller may have live at one time, so that it can change from one to the next.
const LIVE_KEYS: i64 = 2;

/// Allows the caller the named apps beside those it has.
///
/// # Errors
/// [`Error::InvalidRequest`] naming an app that is not there; [`Error::Conflict`] when two keys are live already.
pub async fn create_key(broker: &Broker, caller: &str, app_keys: &[String]) -> Result<Created, Error> {
    if caller.trim().is_empty() || caller.chars().count() > 100 {
        return Err(Error::InvalidRequest("A caller's name has 1 to 100 characters.".to_owned()));
    }
    let mut app_ids = Vec::new();
    for key in app_keys {
        let app = crate::app::by_key(broker, key).await?;
        let missing =
            || Error::InvalidRequest(format!("There is no app `{key}`; `attache app list` shows them."));
        app_ids.push(app.ok_or_else(missing)?.id);
    }
    let now = broker.clock.now();
    let new = credential::generate(Kind::ApiKey);
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    let id = format!("ca_{}", random_id::<20>());
    let caller_id = store::put_caller(&mut transaction, &id, caller, Source::Cli, now).await?;
    for app_id in &app_ids {
        store::allow_app(&mut transaction, &caller_id, app_id).await?;
    }
    let hash = new.secret.hash();
    if !store::insert_key(&mut transaction, &new.id, &caller_id, &hash, LIVE_KEYS, now).await? {
        return Err(Error::Conflict(format!(
            "`{caller}` has {LIVE_KEYS} live keys already; revoke one first."
        )));
    }
    let entry =
        Entry { actor: "operator".to_owned(), caller_id: Some(caller_id.clone()), ..Entry::default() };
    ledger::append(&mut transaction, &broker.ledger, Action::KeyCreated, &entry, now).await?;
    transaction.commit().await?;
    Ok(Created { caller_id, key_id: new.id, key: new.secret })
}
