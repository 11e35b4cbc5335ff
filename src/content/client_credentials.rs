//! A caller's own content token: for nobody, within what the operator lets that caller do by itself at one environment.
//! RFC 6749 section 4.4, with the target of RFC 8707. Without permissions there is no token.

use url::Url;

use super::environment::Environment;
use super::look_up::{Target, find};
use super::mint;
use super::permission::{Permissions, details, scope};
use crate::Broker;
use crate::access::{by_itself, judge};
use crate::caller::authenticate;
use crate::error::Error;
use crate::issuer::scope::Scopes;
use crate::ledger::hand_out::{self, HandOut};
use crate::secret::Token;

/// A token on its way out, and what it is good for.
#[derive(Debug)]
pub struct OwnToken {
    pub token: Token,
    /// Seconds.
    pub expires_in: i64,
    pub permissions: Permissions,
    pub audience: Url,
}

/// With which permissions it is asked for; both only narrow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    pub scope: Option<&'a str>,
    /// RFC 9396 section 6.
    pub details: Option<&'a str>,
}

/// For a client by its caller's id and one of its keys.
///
/// # Errors
/// [`Error::InvalidClient`] before anything else; [`Error::InvalidTarget`], the same for unknown and not its own;
/// [`Error::Frozen`]; [`Error::InvalidScope`].
pub async fn own_token(
    broker: &Broker,
    client_id: &str,
    client_secret: &Token,
    target: Option<Target<'_>>,
    asked: Asked<'_>,
) -> Result<OwnToken, Error> {
    let caller = authenticate::by_client(broker, client_id, client_secret).await?;
    let environment = find(broker, target.ok_or(Error::InvalidTarget)?).await?.ok_or(Error::InvalidTarget)?;
    let facts = by_itself::load(broker, &caller.id, &environment).await?;
    let allowed = judge::by_itself(&facts).map_err(|refusal| refusal.error_of_subject(broker))?;
    let permissions = narrow(allowed, asked, &environment)?;
    let now = broker.clock.now();
    let (token, expires_at) = mint::own(broker, &caller.id, &environment, &permissions);
    hand_out::record(broker, &HandOut::own(&caller.id, &environment.id, now)).await?;
    broker.metrics.exchange(environment.strategy.into());
    let expires_in = expires_at.seconds_from(now).max(0);
    Ok(OwnToken { token, expires_in, permissions, audience: environment.content_api_url.clone() })
}

/// What was asked for, within what is allowed.
fn narrow(allowed: &Permissions, asked: Asked<'_>, environment: &Environment) -> Result<Permissions, Error> {
    let refuse = |sentence: String| Err(Error::InvalidScope(sentence));
    let scoped = match asked.scope.filter(|scope| !scope.trim().is_empty()) {
        None => allowed.clone(),
        Some(text) => match Scopes::parse(text) {
            Ok(scopes) if scopes.is_subset(&scope::of(allowed)) => scope::narrow(allowed, &scopes),
            Ok(_) => {
                return refuse(format!(
                    "No more than `{}` is allowed there; ask for that.",
                    scope::of(allowed)
                ));
            }
            Err(fault) => return refuse(format!("In `scope`, {fault}.")),
        },
    };
    let Some(text) = asked.details else { return Ok(scoped) };
    let detailed = match details::parse(text, &[environment.content_api_url.as_str()]) {
        Ok(detailed) => detailed,
        Err(fault) => return refuse(format!("{fault}.")),
    };
    let both = scoped.meet(&detailed);
    if !allowed.cover(&detailed) || both.is_empty() {
        return refuse(
            "`authorization_details` asks for more than is allowed there; ask for less.".to_owned(),
        );
    }
    Ok(both)
}
