//! The exchange: a subject becomes a content token for one environment, from the cache while it is fresh.

use std::sync::Arc;

use serde_json::json;

use super::environment::Environment;
use super::kept_token::{KeptToken, MARGIN};
use super::rules::Strategy;
use super::store::{self, Key};
use super::subject::Subject;
use super::template::mint::added;
use super::template::render::About;
use super::{ask, mint};
use crate::Broker;
use crate::access::judge;
use crate::clock::Timestamp;
use crate::connection;
use crate::connection::allowed::Access;
use crate::connection::look_up;
use crate::connection::seal::Binding;
use crate::db;
use crate::error::Error;
use crate::issuer::scope::Scopes;
use crate::ledger::hand_out::{self, HandOut};
use crate::secret::{Token, random_id};
use crate::vault::Place;

pub use super::look_up::Target;
pub(super) use super::look_up::find;

/// The scopes there are, and what is given when nothing was asked.
pub const SCOPES: &str = "content:read content:write";
const READ: &str = "content:read";
/// Stands where a caller's id would, when the access token itself asked.
const BEARER: &str = "bearer";

/// A content token on its way out.
#[derive(Debug)]
pub struct ContentToken {
    pub token: Token,
    /// Seconds.
    pub expires_in: i64,
    /// None when the platform decides (strategy `ask`).
    pub scope: Option<Scopes>,
    pub is_jwt: bool,
}

/// The environment by `project/environment` or by content API URL, if it is open to the subject.
///
/// # Errors
/// [`Error::InvalidTarget`], the same for unknown and closed.
pub async fn target(
    broker: &Broker,
    subject: &Subject,
    target: Target<'_>,
) -> Result<Arc<Environment>, Error> {
    let found = find(broker, target).await?;
    found.filter(|environment| is_open(environment, subject)).ok_or(Error::InvalidTarget)
}

/// Whether the operator opened it to app and account, and the person lets the app in.
#[must_use]
pub fn is_open(environment: &Environment, subject: &Subject) -> bool {
    judge::is_open(environment, &subject.app_key, &subject.account, &subject.connection, subject.at)
}

/// What is known of a token that was made before for the same.
#[derive(Debug)]
pub enum Kept {
    Unknown,
    Nothing,
    Token(KeptToken),
}

/// Parses what was asked for against what there is.
///
/// # Errors
/// [`Error::InvalidScope`]
pub fn scopes(asked: Option<&str>, environment: &Environment, subject: &Subject) -> Result<Scopes, Error> {
    let may_write = judge::access(environment, &subject.connection) == Some(Access::Write);
    let all = Scopes::lenient(if may_write { SCOPES } else { READ });
    let Some(asked) = asked.filter(|asked| !asked.trim().is_empty()) else { return Ok(all) };
    if environment.strategy == Strategy::Ask {
        let sentence = "This environment's own platform gives its tokens, and they cannot be narrowed; leave out `scope`.";
        return Err(Error::InvalidScope(sentence.to_owned()));
    }
    let asked = Scopes::parse(asked).map_err(|fault| Error::InvalidScope(format!("In `scope`, {fault}.")))?;
    if asked.is_subset(&all) {
        Ok(asked)
    } else if !may_write && asked.is_subset(&Scopes::lenient(SCOPES)) {
        let sentence = format!("The person lets this app read there and no more; ask for `{READ}`.");
        Err(Error::InvalidScope(sentence))
    } else {
        Err(Error::InvalidScope(format!("The scopes of a content token are `{SCOPES}`.")))
    }
}

/// # Errors
/// Those of the connection when the platform must be asked; [`Error::PlatformUnavailable`].
pub async fn exchange(
    broker: &Broker,
    subject: &Subject,
    caller_id: Option<&str>,
    environment: &Environment,
    scopes: &Scopes,
    known: Kept,
) -> Result<ContentToken, Error> {
    let scope = scopes.to_string();
    let asker = caller_id.unwrap_or(BEARER);
    let connection = &subject.connection;
    let key = Key {
        connection_id: &connection.id,
        environment_id: &environment.id,
        caller_id: asker,
        scope: &scope,
        generation: connection.generation,
    };
    let now = broker.clock.now();
    let known = match known {
        Kept::Unknown => kept(broker, &key, now).await?,
        Kept::Nothing => None,
        Kept::Token(kept) => Some(Arc::new(kept)),
    };
    let (token, expires_at) = match known {
        Some(kept) => {
            let place = place(&kept.id, connection.binding());
            let key = connection::seal::data_key(broker, connection)?;
            let token =
                broker.vault.open(("content_tokens", "token", &kept.id), &key, &place, &kept.token)?;
            (token, kept.expires_at)
        }
        None => make(broker, subject, caller_id, environment, &key, scopes).await?,
    };
    let handed = HandOut::of(connection, asker, Some(&environment.id), now);
    hand_out::record(broker, &handed).await?;
    broker.metrics.exchange(environment.strategy.into());
    Ok(ContentToken {
        is_jwt: environment.strategy == Strategy::Mint,
        token,
        expires_in: expires_at.seconds_from(now).max(0),
        scope: (environment.strategy == Strategy::Mint).then(|| scopes.clone()),
    })
}

/// A token that was made before and may be handed out again. What the memory holds is of the generation that it was
/// made for, and so as good as the connection that was just judged.
async fn kept(broker: &Broker, key: &Key<'_>, now: Timestamp) -> Result<Option<Arc<KeptToken>>, db::Error> {
    let name = key.to_string();
    let load = async || store::kept(&broker.db, key, now.plus(MARGIN)).await;
    let kept = broker.held.content_tokens.get(&broker.db, &name, load).await?;
    if kept.as_ref().is_some_and(|kept| !kept.is_good(now)) {
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
    scopes: &Scopes,
) -> Result<(Token, Timestamp), Error> {
    let id = format!("ct_{}", random_id::<20>());
    let (token, expires_at, generation) = match environment.strategy {
        Strategy::Mint => {
            let actor = caller_id.map(|caller_id| json!({ "sub": caller_id }));
            let about = About { account: &subject.account, actor: actor.as_ref() };
            let added = added(broker, environment, about).await?;
            let (token, expires_at) = mint::mint(broker, subject, caller_id, environment, &id, scopes, added);
            (token, expires_at, subject.connection.generation)
        }
        // Asking may have refreshed the connection.
        Strategy::Ask => ask::ask(broker, subject, environment).await?,
    };
    let current = look_up::reread(broker, &subject.connection).await?;
    if current.generation != generation {
        // Refreshed meanwhile, or another's by now: what was made before is not to be given again as what comes after.
        return Ok((token, expires_at));
    }
    let sealed =
        connection::seal::data_key(broker, &current)?.seal(&place(&id, current.binding()), &token)?;
    let kept = KeptToken { id, token: sealed, expires_at };
    let key = Key { generation: current.generation, ..key.clone() };
    if !store::keep(&broker.db, &key, &kept, broker.clock.now()).await? {
        // Revoked or renewed in this very moment; begun before it, but there is no need to hand it out.
        return Err(Error::subject_token_refused(
            "its connection was stopped or renewed at this very moment",
        ));
    }
    Ok((token, expires_at))
}

/// Where a content token lives.
pub(super) fn place(id: &str, of: Binding<'_>) -> Place {
    Place::new("content_tokens", "token", id, &[of.connection_id, of.account_id, of.app_id])
}
