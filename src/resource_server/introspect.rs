//! What becomes of a content token now, at the environment of the resource server that asks (RFC 7662). Who asks is judged
//! first, and the token anew for each question. Hands out nothing.

use std::sync::Arc;

use super::active::Active;
use super::authenticate;
use super::sight::{self, Asked, Seen};
use crate::Broker;
use crate::access::by_itself;
use crate::access::judge::issued;
use crate::content::environment::Environment;
use crate::content::issued_token::IssuedToken;
use crate::content::recognise;
use crate::error::Error;
use crate::permanent_token;
use crate::secret::Token;

/// An answer to a resource server.
#[derive(Debug)]
pub struct Introspection {
    /// The one that it may ask about; None while that is closed.
    pub environment: Option<Arc<Environment>>,
    /// None when the token is good for nothing there.
    pub active: Option<Active>,
}

/// `client_id` is who it says it is, where it says so.
///
/// # Errors
/// [`Error::ResourceServerRefused`] before anything else; when the database does not answer.
pub async fn introspect(
    broker: &Broker,
    client_id: Option<&str>,
    secret: &Token,
    token: Option<&Token>,
) -> Result<Introspection, Error> {
    let hash = authenticate::recognise(secret)?;
    let shown = token.and_then(|token| recognise::read(broker, token).map(|shown| (token, shown)));
    let asked = Asked { secret: &hash, token: shown.as_ref().map(|(_, shown)| shown.unverified()) };
    let admit = |found: Option<&Arc<_>>| authenticate::admit(broker, client_id, secret, found).map(|_| ());
    let seen = sight::load(broker, asked, admit).await?;
    let believed = shown.and_then(|(token, shown)| shown.verified(broker, token));
    let active = match (believed, token, &seen.facts.environment) {
        (Some(believed), _, _) => minted(broker, &seen, believed).await?,
        (None, Some(token), Some(environment)) => {
            permanent_token::shown_at(broker, &environment.id, token).await?.map(Active::Permanent)
        }
        (None, _, _) => None,
    };
    Ok(Introspection { environment: seen.facts.environment, active })
}

async fn minted(broker: &Broker, seen: &Seen, token: Arc<IssuedToken>) -> Result<Option<Active>, Error> {
    let now = broker.clock.now();
    let judged = match (&token.connection_id, &token.caller_id, &seen.facts.environment) {
        (None, Some(caller_id), Some(environment)) => {
            let facts = by_itself::load(broker, caller_id, environment).await?;
            issued::own(&facts, &token, seen.of_token, now).map(|()| None)
        }
        _ => issued::issued(&seen.facts, &token, seen.of_token, now)
            .map(|allowed| Some(allowed.found.app.key.clone())),
    };
    match judged {
        Ok(app) => Ok(Some(Active::Minted { token, app })),
        Err(inactive) => {
            tracing::info!(why = inactive.why(), jti = token.jti, "a content token is not active");
            Ok(None)
        }
    }
}
