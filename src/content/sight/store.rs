//! The one statement of an exchange: the facts of the connection, the environment and the token that was made before.

use std::sync::Arc;

use super::{Asked, Seen};
use crate::Broker;
use crate::access::facts::store::{columns, facts, filter, from, which};
use crate::clock::Timestamp;
use crate::content::exchange::Target;
use crate::content::{Environment, KeptToken, store};
use crate::db::{self, Constants, Row, sql};
use crate::vault::Sealed;

pub(super) async fn look(broker: &Broker, asked: Asked<'_>) -> Result<Seen, db::Error> {
    let question = asked.question();
    // PostgreSQL stores no NUL, and no environment is named with a control character.
    let clean = |text: &str| !text.contains(char::is_control);
    let (project, environment, url) = match asked.target {
        Some(Target::Resource(url)) if clean(url) => ("", "", url),
        Some(Target::Audience(audience) | Target::Both { audience, .. }) if clean(audience) => {
            let (project, environment) = audience.split_once('/').unwrap_or_default();
            (project, environment, "")
        }
        _ => ("", "", ""),
    };
    // Only constants of ours are joined here.
    let select = Constants(format!(
        "SELECT {columns}, {environment_columns}, \
            t.id AS kept_id, t.token AS kept_token, t.permissions AS kept_permissions, t.expires_at AS kept_expires_at \
         {from} LEFT JOIN environments e ON e.id = (SELECT named.id FROM environments named WHERE named.status = 'active' \
             AND ((named.project = $3 AND named.environment = $4) OR named.content_api_url = $5) ORDER BY named.id LIMIT 1) \
         LEFT JOIN content_tokens t ON t.connection_id = c.id AND t.environment_id = e.id AND t.caller_id = ca.id \
             AND t.scope = $6 AND t.generation = c.generation \
         {filter}",
        columns = columns(&question),
        environment_columns = store::ALIASED_COLUMNS,
        from = from(&question),
        filter = filter(&question),
    ));
    let rows = sql(select)
        .bind(which(&question))
        .bind(asked.key.as_str())
        .bind(project)
        .bind(environment)
        .bind(url)
        .bind(asked.requested.key())
        .all(&broker.db)
        .await?;
    let mut facts = facts(&rows, &question)?;
    let environment = rows.first().map(store::aliased).transpose()?.flatten();
    let is_meant = |found: &Environment| asked.target.is_some_and(|target| target.names(found));
    facts.environment = environment.filter(is_meant).map(Arc::new);
    let mut kept: Vec<_> = rows.iter().filter_map(|row| kept(row).transpose()).collect::<Result<_, _>>()?;
    // Not asked of the database: while the tokens are few it would go through all that are good.
    let now = broker.clock.now();
    kept.retain(|(_, kept): &(String, KeptToken)| kept.is_good(now));
    Ok(Seen { facts, kept: Some(kept) })
}

/// The token that was made before, and the id of its connection.
fn kept(row: &Row) -> Result<Option<(String, KeptToken)>, db::Error> {
    let Some(id) = row.get::<Option<String>>("kept_id")? else { return Ok(None) };
    let token = Sealed(row.get("kept_token")?);
    let expires_at = Timestamp::from_unix(row.get("kept_expires_at")?);
    let permissions = row.get("kept_permissions")?;
    Ok(Some((row.get("id")?, KeptToken { id, token, permissions, expires_at })))
}
