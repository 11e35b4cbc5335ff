//! A person's own content token, for a page of the platform where they are signed in. The environment must be open to pages of
//! that origin, and the token does no more than the operator lets the person do there. No app has a part in it, so nobody is
//! asked for consent.

use super::look_up::{Target, find};
use super::mint;
use super::requested::{Allowed, Requested};
use crate::Broker;
use crate::access::{by_session, judge};
use crate::error::Error;
use crate::ledger::hand_out::{self, HandOut};
use crate::session_token::{Asked, Minted};

/// `resource` is the content API URL of the environment (RFC 8707).
///
/// # Errors
/// [`Error::InvalidTarget`], the same for unknown and not open to them; [`Error::Frozen`]; [`Error::KeyToCome`]; when the
/// database does not answer.
pub async fn token(broker: &Broker, asked: &Asked<'_>, resource: &str) -> Result<Minted, Error> {
    let environment = find(broker, Target::Resource(resource)).await?.ok_or(Error::InvalidTarget)?;
    let facts = by_session::load(broker, Some(asked.account), &environment).await?;
    let now = broker.clock.now();
    let allowed =
        judge::own::by_session(facts, asked.origin, now).map_err(|refusal| refusal.error(broker))?;
    let permissions =
        Requested::default().judge(&environment, Allowed { permissions: &allowed, access: None })?;
    let (jwt, expires_at) = mint::of_session(broker, asked, &environment, &permissions)?;
    let given = HandOut::to_person(&asked.account.id, &environment.id, now);
    hand_out::record(broker, &given).await?;
    broker.metrics.exchange(environment.strategy.into());
    Ok(Minted { jwt, expires_at })
}
