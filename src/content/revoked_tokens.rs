//! Content tokens that were revoked by themselves, until they run out: in memory where this process is alone with its
//! database, else by a statement. Says who may revoke one, and tells nobody else whether it is there.

mod store;

use std::sync::Arc;

use dashmap::DashSet;

use super::environment::Environment;
use super::issued_token::IssuedToken;
use super::recognise;
use crate::Broker;
use crate::db;
use crate::error::Error;
use crate::issuer::claims;
use crate::ledger::{self, Action, Entry};
use crate::secret::Token;

/// Their `jti`.
#[derive(Debug, Default)]
pub struct RevokedTokens(DashSet<String>);

/// Who wants one revoked.
#[derive(Debug)]
pub enum By<'a> {
    /// A caller, by its id.
    Caller(&'a str),
    ResourceServer {
        id: &'a str,
        /// None when it is closed.
        environment: Option<&'a Environment>,
    },
}

impl By<'_> {
    fn actor(&self) -> &str {
        match self {
            Self::Caller(id) | Self::ResourceServer { id, .. } => id,
        }
    }

    /// Whether a token was given to it, or is for its environment.
    fn may_revoke(&self, token: &IssuedToken) -> bool {
        match self {
            Self::Caller(id) => token.caller_id() == Some(*id),
            Self::ResourceServer { environment, .. } => {
                environment.is_some_and(|environment| token.is_for(environment))
            }
        }
    }
}

/// Whether a token of this id was revoked by itself.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn is_revoked(broker: &Broker, jti: &str) -> Result<bool, db::Error> {
    match held(broker).await? {
        Some(held) => Ok(held.0.contains(jti)),
        None => store::is_revoked(&broker.db, jti).await,
    }
}

async fn held(broker: &Broker) -> Result<Option<Arc<RevokedTokens>>, db::Error> {
    let load = async || {
        let all = store::all(&broker.db).await?;
        Ok(RevokedTokens(all.into_iter().collect()))
    };
    broker.held.revoked_tokens.held(&broker.db, load).await
}

/// Revokes a content token, for every question that begins after the answer, on every server. What is unknown, has run out
/// or is another's is left as it is, and the answer is the same. RFC 7009 section 2.2.
///
/// # Errors
/// When the database does not answer: then the token is to be taken for alive.
pub async fn revoke(broker: &Broker, token: &Token, by: &By<'_>) -> Result<(), Error> {
    let now = broker.clock.now();
    let shown = recognise::read(broker, token);
    let Some(token) = shown.and_then(|shown| shown.verified(broker, token)) else { return Ok(()) };
    if !token.lives(now) {
        return Ok(());
    }
    if !by.may_revoke(&token) {
        tracing::info!(actor = by.actor(), jti = token.jti, "a content token of another is not revoked");
        return Ok(());
    }
    let mut transaction = broker.db.begin().await?;
    let (holder, jti) = (broker.clone(), token.jti.clone());
    transaction.after_commit(move || {
        holder.held.revoked_tokens.amend(|revoked| {
            revoked.0.insert(jti);
        });
    });
    if store::insert(&mut transaction, &token.jti, token.expires_at, now).await? {
        if let Some(kept) = super::store::withdraw_one(&mut transaction, &token.jti).await? {
            let holder = broker.clone();
            transaction.after_commit(move || holder.held.content_tokens.forget(&kept));
        }
        let entry = Entry {
            actor: by.actor().to_owned(),
            account_id: token.account_id().map(str::to_owned),
            connection_id: token.connection_id().map(str::to_owned),
            caller_id: token.caller_id().map(str::to_owned),
            ..Entry::default()
        };
        let entry = entry.saying(&token.jti);
        ledger::append(&mut transaction, &broker.ledger, Action::ContentTokenRevoked, &entry, now).await?;
    }
    Ok(transaction.commit().await?)
}

/// Forgets what has run out by every server's clock.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(broker: &Broker) -> Result<(), Error> {
    store::sweep(&broker.db, broker.clock.now().plus(-claims::SKEW)).await?;
    broker.held.revoked_tokens.forget();
    Ok(())
}
