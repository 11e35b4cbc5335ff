//! What an operator does with permanent tokens. Shows one once.

use super::output::Output;
use crate::Broker;
use crate::error::Error;
use crate::permanent_token;
use crate::permanent_token::create::{self, Wanted};
use crate::permanent_token::{Listed, revoke as end};

/// # Errors
/// [`Error::InvalidRequest`] for what is wrong with what is wanted; [`Error::Conflict`] when too many are live.
pub async fn create(broker: &Broker, wanted: &Wanted) -> Result<Output, Error> {
    let created = create::create(broker, wanted).await?;
    let ends = wanted.expires_at.map_or_else(|| "never runs out".to_owned(), |at| format!("runs out {at}"));
    let lines = vec![
        format!("permanent token {} for {}, {ends}", created.id, wanted.environment),
        "The token is shown once; keep it where secrets are kept. It is good at this environment alone."
            .to_owned(),
    ];
    Ok(Output { lines, secret: Some(created.token), ..Output::default() })
}

/// # Errors
/// When the database does not answer.
pub async fn list(broker: &Broker) -> Result<Output, Error> {
    let now = broker.clock.now();
    let line = |listed: &Listed| {
        let Listed { token, environment_key, last_used_at, revoked_at } = listed;
        let state = match (revoked_at, token.expires_at) {
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) if at <= now => format!("ran out {at}"),
            (None, _) if !token.has_environment => "environment out of use".to_owned(),
            (None, Some(at)) => format!("live until {at}"),
            (None, None) => "live".to_owned(),
        };
        let used = last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("last used {at}"));
        let permissions = serde_json::to_string(&token.permissions).unwrap_or_default();
        let shown = token.default_stage.as_deref().unwrap_or("-");
        format!(
            "{}\t{environment_key}\t{}\tmade {}\t{used}\t{state}\tstage {shown}\t{permissions}",
            token.id, token.name, token.made_at
        )
    };
    Ok(Output::of(permanent_token::list(broker).await?.iter().map(line).collect()))
}

/// # Errors
/// [`Error::InvalidRequest`] when there is no such live one.
pub async fn revoke(broker: &Broker, id: &str) -> Result<Output, Error> {
    if !end::revoke(broker, id).await? {
        return Err(Error::InvalidRequest(format!(
            "There is no live permanent token `{id}`; `attache permanent-token list` shows them."
        )));
    }
    Ok(Output::line(format!("The permanent token {id} is revoked: it is good for nothing from now on.")))
}
