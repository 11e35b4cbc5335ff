//! A caller's own content token: for nobody, within what the operator lets that caller do by itself at one environment.
//! RFC 6749 section 4.4, with the target of RFC 8707. Without permissions there is no token.

use super::exchange::ContentToken;
use super::look_up::{Target, find};
use super::mint;
use super::requested::{Allowed, Requested};
use crate::Broker;
use crate::access::{by_itself, judge};
use crate::caller::authenticate;
use crate::error::Error;
use crate::ledger::hand_out::{self, HandOut};
use crate::secret::Token;

/// For a client by its caller's id and one of its keys.
///
/// # Errors
/// [`Error::InvalidClient`] before anything else; [`Error::InvalidTarget`], the same for unknown and not its own;
/// [`Error::Frozen`]; those of [`Requested::judge`].
pub async fn own_token(
    broker: &Broker,
    client_id: &str,
    client_secret: &Token,
    target: Option<Target<'_>>,
    requested: Requested<'_>,
) -> Result<ContentToken, Error> {
    let caller = authenticate::by_client(broker, client_id, client_secret).await?;
    let environment = find(broker, target.ok_or(Error::InvalidTarget)?).await?.ok_or(Error::InvalidTarget)?;
    let facts = by_itself::load(broker, &caller.id, &environment).await?;
    let allowed =
        judge::own::by_itself(&facts).map_err(|refusal| match refusal.error_of_subject(broker) {
            Error::InvalidAuth => Error::InvalidClient,
            other => other,
        })?;
    // No person has a word in it.
    let permissions = requested.judge(&environment, Allowed { permissions: allowed, access: None })?;
    let now = broker.clock.now();
    let (token, expires_at) = mint::own(broker, &caller.id, &environment, &permissions)?;
    hand_out::record(broker, &HandOut::own(&caller.id, &environment.id, now)).await?;
    broker.metrics.exchange(environment.strategy.into());
    Ok(ContentToken {
        token,
        expires_in: expires_at.seconds_from(now).max(0),
        permissions: Some(permissions),
        audience: environment.content_api_url.clone(),
    })
}
