//! The exchange: a subject becomes a content token for one environment, from the cache while it is fresh.

use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use super::actors::Actors;
use super::environment::Environment;
use super::kept_token::KeptToken;
use super::permission::Permissions;
use super::requested::{Allowed, Requested, fingerprint};
use super::rules::Strategy;
use super::store::{self, Key};
use super::subject::Subject;
use super::template::mint::added;
use super::template::render::About;
use super::{ask, mint, token_exchange};
use crate::Broker;
use crate::access::judge;
use crate::clock::Timestamp;
use crate::connection;
use crate::connection::look_up;
use crate::connection::seal::Binding;
use crate::db;
use crate::error::Error;
use crate::ledger::hand_out::{self, HandOut};
use crate::secret::{Token, random_id};
use crate::vault::Place;

pub use super::look_up::Target;
pub(super) use super::look_up::find;
pub use super::requested::Order;

/// Stands where a caller's id would, when the access token itself asked.
const BEARER: &str = "bearer";

/// A content token on its way out.
#[derive(Debug)]
pub struct ContentToken {
    pub token: Token,
    /// Seconds.
    pub expires_in: i64,
    /// None when another platform decides.
    pub permissions: Option<Permissions>,
    /// `aud` of a minted one.
    pub audience: Url,
}

/// What is known of a token that was made before for the same.
#[derive(Debug)]
pub enum Kept {
    Unknown,
    Nothing,
    Token(KeptToken),
}

/// What the token is made with: what was asked for, within what is allowed there.
///
/// # Errors
/// [`Error::InvalidTarget`]; [`Error::InvalidScope`]; [`Error::InvalidAuthorizationDetails`].
pub fn permissions(
    requested: Requested<'_>,
    environment: &Environment,
    subject: &Subject,
) -> Result<Permissions, Error> {
    let permissions = allowed(environment, subject).ok_or(Error::InvalidTarget)?;
    let access = judge::access(environment, &subject.connection);
    requested.judge(environment, Allowed { permissions: &permissions, access })
}

/// What a token for the subject may do there at the most; None for nothing.
#[must_use]
pub fn allowed(environment: &Environment, subject: &Subject) -> Option<Permissions> {
    judge::permissions(environment, &subject.app, &subject.account, &subject.connection, subject.at)
}

/// # Errors
/// Those of the connection when the platform must be asked; [`Error::PlatformUnavailable`].
pub async fn exchange(
    broker: &Broker,
    subject: &Subject,
    caller_id: Option<&str>,
    environment: &Environment,
    order: &Order<'_>,
    known: Kept,
) -> Result<ContentToken, Error> {
    let request = order.requested.key();
    let asker = caller_id.unwrap_or(BEARER);
    let connection = &subject.connection;
    let key = Key {
        connection_id: &connection.id,
        environment_id: &environment.id,
        caller_id: asker,
        asked: &request,
        generation: connection.generation,
    };
    let content = Content::of(broker, subject, caller_id, environment, order).await?;
    let now = broker.clock.now();
    let known = match known {
        Kept::Unknown => kept(broker, &key, &content.fingerprint, now).await?,
        Kept::Nothing => None,
        Kept::Token(kept) => Some(Arc::new(kept)).filter(|kept| kept.permissions == content.fingerprint),
    };
    let (token, expires_at) = match known {
        Some(kept) => {
            let place = place(&kept.id, connection.binding());
            let key = connection::seal::data_key(broker, connection)?;
            let token =
                broker.vault.open(("content_tokens", "token", &kept.id), &key, &place, &kept.token)?;
            (token, kept.expires_at)
        }
        None => make(broker, subject, caller_id, environment, &key, (order, content)).await?,
    };
    let handed = HandOut::of(connection, asker, Some(&environment.id), now);
    hand_out::record(broker, &handed).await?;
    broker.metrics.exchange(environment.strategy.into());
    Ok(ContentToken {
        token,
        expires_in: expires_at.seconds_from(now).max(0),
        permissions: environment.strategy.mints().then(|| order.permissions.clone()),
        audience: environment.content_api_url.clone(),
    })
}

/// A token that was made before and may be handed out again. What the memory holds is of the generation that it was
/// made for, and so as good as the connection that was just judged. One that was made with other permissions than it would
/// be now says too much or too little.
async fn kept(
    broker: &Broker,
    key: &Key<'_>,
    made_with: &str,
    now: Timestamp,
) -> Result<Option<Arc<KeptToken>>, db::Error> {
    let name = key.to_string();
    let load = async || store::kept(&broker.db, key).await;
    let kept = broker.held.content_tokens.get(&broker.db, &name, load).await?;
    if kept.as_ref().is_some_and(|kept| !kept.is_good(now) || kept.permissions != made_with) {
        broker.held.content_tokens.forget(&name);
        return Ok(None);
    }
    Ok(kept)
}

async fn make(
    broker: &Broker,
    subject: &Subject,
    caller_id: Option<&str>,
    environment: &Environment,
    key: &Key<'_>,
    (order, content): (&Order<'_>, Content),
) -> Result<(Token, Timestamp), Error> {
    let id = format!("ct_{}", random_id::<20>());
    let (token, expires_at, generation) = match environment.strategy {
        Strategy::Mint => {
            let (token, expires_at) =
                mint::mint(broker, subject, caller_id, environment, &id, order, content.added)?;
            (token, expires_at, subject.connection.generation)
        }
        // Asking may have refreshed the connection.
        Strategy::Ask => ask::ask(broker, subject, environment).await?,
        Strategy::TokenExchange => token_exchange::exchange(broker, subject, environment).await?,
    };
    let current = look_up::reread(broker, &subject.connection).await?;
    if current.generation != generation {
        // Refreshed meanwhile, or another's by now: what was made before is not to be given again as what comes after.
        return Ok((token, expires_at));
    }
    let sealed =
        connection::seal::data_key(broker, &current)?.seal(&place(&id, current.binding()), &token)?;
    let kept = KeptToken { id, token: sealed, permissions: content.fingerprint, expires_at };
    let key = Key { generation: current.generation, ..key.clone() };
    if !store::keep(&broker.db, &key, &kept, broker.clock.now()).await? {
        // Revoked or renewed in this very moment; begun before it, but there is no need to hand it out.
        return Err(Error::subject_token_refused(
            "its connection was stopped or renewed at this very moment",
        ));
    }
    Ok((token, expires_at))
}

/// What a token says beside what it allows: what its environment's template adds.
struct Content {
    added: Map<String, Value>,
    /// The same for the same, and what it allows; empty where another platform decides.
    fingerprint: String,
}

impl Content {
    async fn of(
        broker: &Broker,
        subject: &Subject,
        caller_id: Option<&str>,
        environment: &Environment,
        order: &Order<'_>,
    ) -> Result<Self, Error> {
        if !environment.strategy.mints() {
            return Ok(Self { added: Map::new(), fingerprint: String::new() });
        }
        let actor = caller_id.map(|caller_id| Actors::of(caller_id, order.requested.acts_for).claim());
        let about = About { account: &subject.account, actor: actor.as_ref() };
        let added = added(broker, environment, about).await?;
        let mut said = serde_json::to_string(&order.permissions).unwrap_or_default();
        if !added.is_empty() {
            said.extend(serde_json::to_string(&added));
        }
        let fingerprint = fingerprint(&said);
        Ok(Self { added, fingerprint })
    }
}

/// Where a content token lives.
pub(super) fn place(id: &str, of: Binding<'_>) -> Place {
    Place::new("content_tokens", "token", id, &[of.connection_id, of.account_id, of.app_id])
}
