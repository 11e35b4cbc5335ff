//! Judges whose the answer of a refresh is, by the ID token in it (OpenID Connect Core 1.0 section 12.2). Stores nothing,
//! and waits no longer for an issuer's keys than an answer can wait in memory.

use std::time::Duration;

use tokio::time::timeout;

use crate::Broker;
use crate::account;
use crate::app::App;
use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::issuer::claims::{self, Claims};
use crate::issuer::token_set::{EMPTY, Member, TokenSet};
use crate::issuer::{IssuerFault, id_token};

/// Until then keys that are not here count as keys that cannot be had.
const PATIENCE: Duration = Duration::from_secs(2);
/// Seconds by which an ID token's issue and its answer may differ.
const FRESH: i64 = 300;

/// Whether an answer is of another identity than the connection's, or says whose it is in a way that cannot be believed.
/// Without an ID token, or without the keys to judge it by, it is as good as ever.
pub async fn is_another(broker: &Broker, app: &App, connection: &Connection, tokens: &TokenSet) -> bool {
    let issuer = &app.issuer;
    // Where none can be judged, whoever consented is known by other means.
    if issuer.identifier().is_none() {
        return false;
    }
    let asked = asked_for_identity(app, connection);
    let id_token = match &tokens.id_token {
        // Some issuers write nothing where a refresh brings none.
        Member::Absent | Member::Unusable(EMPTY) => return false,
        Member::Unusable(_) => return asked,
        Member::Token(id_token) => id_token,
    };
    let verifying = id_token::verify_refreshed(
        &broker.issuers,
        issuer,
        id_token,
        &app.client_id,
        tokens.access_token.token(),
    );
    let verified = timeout(PATIENCE, verifying).await;
    match verified {
        Ok(Ok(claims)) => {
            let subject = claims.get("sub").and_then(|sub| sub.as_str()).unwrap_or_default();
            let pinned = &connection.external.subject;
            // An identity endpoint may name people in another way.
            let comparable = asked || app.identity_config.is_none();
            let another = comparable && !pinned.is_empty() && subject != pinned;
            if !another && says_now(&claims, broker.clock.now()) {
                account::claims::follow(broker, &connection.account_id, &issuer.external_name(), &claims)
                    .await;
            }
            another
        }
        Ok(Err(fault @ IssuerFault::Untrusted(_))) => {
            tracing::warn!(connection = connection.id, issuer = issuer.key, %fault, "a refresh is not to be believed");
            true
        }
        Ok(Err(fault)) => {
            tracing::info!(connection = connection.id, issuer = issuer.key, %fault, "a refresh's ID token was not judged");
            false
        }
        Err(_) => false,
    }
}

/// Whether an ID token was issued with this answer: some issuers send the first one again and again, and what it says of the
/// person may be long over.
fn says_now(claims: &Claims, now: Timestamp) -> bool {
    let issued = claims::numeric_date(claims, "iat").ok().flatten();
    issued.is_some_and(|at| (at - now.unix()).abs() <= FRESH)
}

/// Then the connection's subject is the ID token's.
fn asked_for_identity(app: &App, connection: &Connection) -> bool {
    app.scopes.contains("openid") || connection.granted_scopes.contains("openid")
}
