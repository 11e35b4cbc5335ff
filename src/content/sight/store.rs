//! The one statement of an exchange: key, caller, connection, app, account, freezes, environment and the token that
//! was made before.

use std::sync::Arc;

use super::{Found, Seen};
use crate::Broker;
use crate::access::allow;
use crate::account::Account;
use crate::clock::Timestamp;
use crate::content::exchange::{MARGIN, Target};
use crate::content::subject::Subject;
use crate::content::{KeptToken, store};
use crate::db::{self, Constants, Row, json, sql};
use crate::issuer::scope::Scopes;
use crate::secret::TokenHash;
use crate::vault::Sealed;

/// How the connection is known.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    /// None for what cannot be an id.
    Id(Option<&'a str>),
    AccessToken(&'a TokenHash),
}

/// None when the key is not a live one.
pub(super) async fn look(
    broker: &Broker,
    key: &TokenHash,
    by: By<'_>,
    target: Option<Target<'_>>,
    scopes: &Scopes,
) -> Result<Option<Seen>, db::Error> {
    let now = broker.clock.now();
    let (which, named) = match by {
        By::Id(id) => ("c.id = $2", id.unwrap_or_default()),
        By::AccessToken(hash) => (allow::STANDS_FOR, hash.as_str()),
    };
    // PostgreSQL stores no NUL, and no environment is named with a control character.
    let clean = |text: &str| !text.contains(char::is_control);
    let (project, environment, url) = match target {
        Some(Target::Resource(url)) if clean(url) => ("", "", url),
        Some(Target::Audience(audience)) if clean(audience) => {
            let (project, environment) = audience.split_once('/').unwrap_or_default();
            (project, environment, "")
        }
        Some(Target::Named { project, environment }) if clean(project) && clean(environment) => {
            (project, environment, "")
        }
        _ => ("", "", ""),
    };
    // Only constants of ours are joined here.
    let select = Constants(format!(
        "SELECT {authorized}, a.key AS app_key, ac.issuer AS account_issuer, ac.subject AS account_subject, \
            ac.name AS account_name, ac.email AS account_email, ac.claims AS account_claims, ac.claims_at, ac.last_sign_in_at, \
            {environment_columns}, \
            t.id AS kept_id, t.token AS kept_token, t.expires_at AS kept_expires_at \
         {from_key} LEFT JOIN apps a ON a.id = c.app_id LEFT JOIN accounts ac ON ac.id = c.account_id \
         LEFT JOIN environments e ON e.id = (SELECT named.id FROM environments named WHERE named.status = 'active' \
             AND ((named.project = $4 AND named.environment = $5) OR named.content_api_url = $6) ORDER BY named.id LIMIT 1) \
         LEFT JOIN content_tokens t ON t.connection_id = c.id AND t.environment_id = e.id AND t.caller_id = ca.id \
             AND t.scope = $7 AND t.generation = c.generation AND t.expires_at > $8 \
         WHERE k.key_hash = $1 AND k.revoked_at IS NULL",
        authorized = allow::authorized(),
        from_key = allow::from_key(which),
        environment_columns = store::ALIASED_COLUMNS,
    ));
    let rows = sql(select)
        .bind(key.as_str())
        .bind(named)
        .bind(now.unix())
        .bind(project)
        .bind(environment)
        .bind(url)
        .bind(scopes.to_string())
        .bind(now.plus(MARGIN).unix())
        .all(&broker.db)
        .await?;
    match rows.as_slice() {
        [] => Ok(None),
        [row] => Ok(Some(Seen { caller: allow::caller(row)?, found: found(row, now)? })),
        // One access token on the connections of two accounts stands for neither.
        [row, ..] => Ok(Some(Seen { caller: allow::caller(row)?, found: None })),
    }
}

fn found(row: &Row, now: Timestamp) -> Result<Option<Found>, db::Error> {
    let Some((connection, frozen)) = allow::found(row)? else { return Ok(None) };
    let account = Account {
        id: connection.account_id.clone(),
        issuer: row.get("account_issuer")?,
        subject: row.get("account_subject")?,
        name: row.get("account_name")?,
        email: row.get("account_email")?,
        claims: json(row, "account_claims")?,
        claims_at: json(row, "claims_at")?,
        signed_in_at: Timestamp::from_unix(row.get("last_sign_in_at")?),
    };
    let kept = row.get::<Option<String>>("kept_id")?;
    let kept = kept.map(|id| {
        Ok::<_, db::Error>(KeptToken {
            id,
            token: Sealed(row.get("kept_token")?),
            expires_at: Timestamp::from_unix(row.get("kept_expires_at")?),
        })
    });
    Ok(Some(Found {
        subject: Subject {
            connection: Arc::new(connection),
            account: Arc::new(account),
            app_key: row.get("app_key")?,
            at: now,
        },
        frozen,
        environment: store::aliased(row)?,
        kept: kept.transpose()?,
    }))
}
