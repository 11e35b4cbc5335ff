//! What becomes of a content token now, at the environment of the resource server that asks (RFC 7662), and of a session token
//! of the pages that it is behind. Who asks is judged
//! first, and the token anew for each question. Hands out nothing.

use std::sync::Arc;

use super::active::Active;
use super::authenticate;
use super::row::Protects;
use super::sight::{self, Asked, Seen};
use crate::Broker;
use crate::access::judge::issued;
use crate::access::{by_itself, by_session};
use crate::content::environment::Environment;
use crate::content::issued_token::{GivenTo, IssuedToken};
use crate::content::recognise;
use crate::error::Error;
use crate::permanent_token;
use crate::secret::Token;
use crate::session_token;
use crate::session_token::issued::SessionToken;

/// An answer to a resource server.
#[derive(Debug)]
pub enum Introspection {
    /// About a content token.
    Content {
        /// The one that it may ask about; None while that is closed.
        environment: Option<Arc<Environment>>,
        /// None when the token is good for nothing there.
        active: Option<Active>,
    },
    /// About a session token.
    Session {
        /// Of whose pages it is shown tokens.
        origin: String,
        /// None when the token is good for nothing there.
        active: Option<SessionToken>,
    },
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
    let protects = seen.resource_server.as_ref().map(|found| &found.protects);
    if let Some(Protects::Origin(origin)) = protects {
        let active = of_session(broker, origin, token).await?;
        return Ok(Introspection::Session { origin: origin.clone(), active });
    }
    let believed = shown.and_then(|(token, shown)| shown.verified(broker, token));
    let active = match (believed, token, &seen.facts.environment) {
        (Some(believed), _, _) => minted(broker, &seen, believed).await?,
        (None, Some(token), Some(environment)) => {
            permanent_token::shown_at(broker, &environment.id, token).await?.map(Active::Permanent)
        }
        (None, _, _) => None,
    };
    Ok(Introspection::Content { environment: seen.facts.environment, active })
}

/// A session token of pages of this origin, while its session is there.
///
/// # Errors
/// When the database does not answer.
pub async fn of_session(
    broker: &Broker,
    origin: &str,
    token: Option<&Token>,
) -> Result<Option<SessionToken>, Error> {
    let Some(token) = token else { return Ok(None) };
    let active = session_token::issued::active(broker, token).await?;
    Ok(active.filter(|active| active.origin == origin))
}

async fn minted(broker: &Broker, seen: &Seen, token: Arc<IssuedToken>) -> Result<Option<Active>, Error> {
    let now = broker.clock.now();
    let judged = match (&token.given_to, &seen.facts.environment) {
        (GivenTo::Caller(caller_id), Some(environment)) => {
            let facts = by_itself::load(broker, caller_id, environment).await?;
            issued::own(&facts, &token, seen.of_token, now).map(|()| None)
        }
        (GivenTo::Session { id, origin }, Some(environment)) => {
            let person = by_session::person(broker, id, &token.subject).await?;
            let facts = by_session::load(broker, person.as_deref(), environment).await?;
            issued::of_session(facts, origin, &token, seen.of_token, now).map(|()| None)
        }
        (GivenTo::Connection { .. }, _) | (_, None) => {
            issued::issued(&seen.facts, &token, seen.of_token, now)
                .map(|allowed| Some(allowed.found.app.key.clone()))
        }
    };
    match judged {
        Ok(app) => Ok(Some(Active::Minted { token, app })),
        Err(inactive) => {
            tracing::info!(why = inactive.why(), jti = token.jti, "a content token is not active");
            Ok(None)
        }
    }
}
