//! What an operator lets callers do by themselves.

use super::output::Output;
use crate::Broker;
use crate::caller::{ListedPermitted, list_permitted, permit};
use crate::content::permission::typed;
use crate::error::Error;

/// # Errors
/// [`Error::InvalidRequest`] for what is wrong with the permissions, or not there.
pub async fn permit(
    broker: &Broker,
    caller: &str,
    environment: &str,
    permissions: &str,
) -> Result<Output, Error> {
    let permissions = typed::read(permissions).map_err(Error::InvalidRequest)?;
    permit::permit(broker, caller, environment, &permissions).await?;
    Ok(Output::line(format!(
        "{caller} may do that by itself at {environment}, and nothing that it was given before."
    )))
}

/// # Errors
/// [`Error::InvalidRequest`] for what is not there.
pub async fn forbid(broker: &Broker, caller: &str, environment: &str) -> Result<Output, Error> {
    permit::forbid(broker, caller, environment).await?;
    Ok(Output::line(format!("{caller} is given no token of its own for {environment} any more.")))
}

/// # Errors
/// When the database does not answer.
pub async fn list(broker: &Broker) -> Result<Output, Error> {
    let line = |listed: &ListedPermitted| {
        let ListedPermitted { caller_id, caller, environment_key, permissions, since } = listed;
        let permissions = serde_json::to_string(permissions).unwrap_or_default();
        format!("{caller_id}\t{caller}\t{environment_key}\tsince {since}\t{permissions}")
    };
    Ok(Output::of(list_permitted(broker).await?.iter().map(line).collect()))
}
