//! Opens an environment to requests without a token, as documented, and closes it again: where the configuration says
//! nothing of it. What is public in the end is said by [`super::Environment::public_permissions`].

use std::sync::Arc;

use serde_json::json;

use super::environment::Environment;
use super::{look_up, store};
use crate::Broker;
use crate::error::Error;
use crate::ledger::{self, Action, Entry};

/// For every request that begins after the answer.
///
/// # Errors
/// [`Error::InvalidRequest`] when there is no such environment; [`Error::Conflict`] when the configuration decides.
pub async fn set_defaults(broker: &Broker, key: &str, open: bool) -> Result<Arc<Environment>, Error> {
    let environment = look_up::by_key(broker, key).await?;
    if environment.settings.public.is_some() {
        let sentence =
            format!("environments.{key}.public in the configuration file decides; change it there.");
        return Err(Error::Conflict(sentence));
    }
    let now = broker.clock.now();
    let mut transaction = broker.db.begin().await?;
    look_up::changed(broker, &mut transaction);
    store::set_public_defaults(&mut transaction, &environment.id, open, now).await?;
    let detail = json!({ "environment": environment.audience(), "public_defaults": open });
    let entry = Entry { actor: "operator".to_owned(), detail: Some(detail), ..Entry::default() };
    ledger::append(&mut transaction, &broker.ledger, Action::PublicAccessChanged, &entry, now).await?;
    transaction.commit().await?;
    tracing::warn!(environment = key, open, "public access is changed");
    look_up::by_key(broker, key).await
}
