//! What decides what a caller may do by itself, for nobody: the facts, from memory where this process is alone with its
//! database, else by one statement. Judges nothing; see [`super::judge::own::by_itself`].

use std::sync::Arc;

use crate::Broker;
use crate::caller;
use crate::content::environment::Environment;
use crate::content::permission::Permissions;
use crate::error::Error;

#[derive(Clone, Debug, PartialEq)]
pub struct OwnFacts {
    pub environment: Arc<Environment>,
    /// What the operator lets the caller do there; None for nothing.
    pub permissions: Option<Arc<Permissions>>,
    /// Whether a freeze covers the caller, or everything.
    pub is_frozen: bool,
    /// Whether the caller is active and has a live key.
    pub is_usable: bool,
}

/// # Errors
/// When the database does not answer.
pub async fn load(
    broker: &Broker,
    caller_id: &str,
    environment: &Arc<Environment>,
) -> Result<OwnFacts, Error> {
    let given = caller::permitted(broker, caller_id, &environment.id).await?;
    let is_frozen = given.as_ref().is_some_and(|given| given.is_frozen);
    let is_usable = given.as_ref().is_some_and(|given| given.is_usable);
    let permissions = given.map(|given| given.permissions);
    Ok(OwnFacts { environment: Arc::clone(environment), permissions, is_frozen, is_usable })
}
