//! What an operator does with the credentials of resource servers. Shows a secret once.

use super::output::Output;
use crate::Broker;
use crate::error::Error;
use crate::resource_server;
use crate::resource_server::create::ToProtect;
use crate::resource_server::{Listed, create, revoke as end};

/// # Errors
/// [`Error::InvalidRequest`] when there is no such environment; [`Error::Conflict`] when two are live already.
pub async fn create(broker: &Broker, wanted: &ToProtect) -> Result<Output, Error> {
    let created = create::create(broker, wanted).await?;
    let which = match wanted {
        ToProtect::Environment(_) => "this environment's tokens",
        ToProtect::Origin(_) => "session tokens of this origin's pages",
    };
    let lines = vec![
        format!("resource server {} for {}", created.id, wanted.name()),
        format!("The secret is shown once; keep it where secrets are kept. It is good for {which} alone."),
    ];
    Ok(Output { lines, secret: Some(created.secret), ..Output::default() })
}

/// # Errors
/// When the database does not answer.
pub async fn list(broker: &Broker) -> Result<Output, Error> {
    let line = |listed: &Listed| {
        let Listed { id, environment_key, audience, .. } = listed;
        let used =
            listed.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("last used {at}"));
        let state = listed.revoked_at.map_or_else(|| "live".to_owned(), |at| format!("revoked {at}"));
        format!("{id}\t{environment_key}\t{audience}\tmade {}\t{used}\t{state}", listed.created_at)
    };
    Ok(Output::of(resource_server::list(broker).await?.iter().map(line).collect()))
}

/// # Errors
/// [`Error::InvalidRequest`] when there is no such live one.
pub async fn revoke(broker: &Broker, id: &str) -> Result<Output, Error> {
    end::revoke(broker, id).await?;
    Ok(Output::line(format!("The resource server {id} is revoked: it is answered nothing from now on.")))
}
