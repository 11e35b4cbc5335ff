//! The gate: a proxy asks before it lets a request through to a content API. Judges who asks, the bearer at that
//! environment, and whether its scopes let it read or change. Sees no body, and hands out nothing.

use std::sync::Arc;

use serde_json::Value;
use url::Url;

use super::active::Active;
use super::forwarded::{Forwarded, Operation};
use super::from_browser::FromBrowser;
use super::introspect::{Introspection, introspect, of_session};
use crate::Broker;
use crate::content::environment::Environment;
use crate::content::permission::details;
use crate::content::permission::scope::{self, READ, WRITE};
use crate::error::Error;
use crate::issuer::scope::Scopes;
use crate::secret::Token;
use crate::session_token::issued::SessionToken;

/// What the request brings to prove its right.
#[derive(Debug)]
pub enum Bearer {
    Nothing,
    /// Something that is no bearer token, or more than one.
    Unreadable,
    Token(Token),
}

/// Who is let through.
#[derive(Debug)]
pub enum Admitted {
    ToContent {
        environment: Arc<Environment>,
        who: Who,
        operation: Operation,
    },
    /// To what is behind pages of the platform.
    SignedIn(SessionToken),
}

#[derive(Debug)]
pub enum Who {
    Bearer(Active),
    Anybody(Public),
}

/// What a request without a token may do.
#[derive(Debug)]
pub struct Public {
    pub scopes: Scopes,
    /// RFC 9396.
    pub authorization_details: Value,
}

/// Why a request is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Denied {
    TokenRequired,
    InvalidToken,
    /// The token's scopes are not enough; holds the one that is.
    InsufficientScope(&'static str),
    /// The proxy did not say what it asks about.
    MethodMissing,
    /// Nobody is let in while it is closed.
    EnvironmentClosed,
    /// A cookie alone, in a request that a page of another origin may have made.
    CrossOrigin,
}

/// `secret` is the resource server's, which the proxy holds for it.
///
/// # Errors
/// [`Error::ResourceServerRefused`] before anything else; when the database does not answer.
pub async fn authorize(
    broker: &Broker,
    secret: &Token,
    bearer: &Bearer,
    request: &Forwarded<'_>,
    browser: &FromBrowser<'_>,
) -> Result<Result<Admitted, Denied>, Error> {
    let token = if let Bearer::Token(token) = bearer { Some(token) } else { None };
    match introspect(broker, None, secret, token).await? {
        Introspection::Content { environment: None, .. } => Ok(Err(Denied::EnvironmentClosed)),
        Introspection::Content { environment: Some(environment), active } => {
            let judged = judge(&environment, bearer, active, request);
            Ok(judged.map(|(who, operation)| Admitted::ToContent { environment, who, operation }))
        }
        Introspection::Session { active: Some(token), .. } => Ok(Ok(Admitted::SignedIn(token))),
        Introspection::Session { origin, .. } => match bearer {
            Bearer::Nothing => by_cookie(broker, &origin, request, browser).await,
            Bearer::Unreadable | Bearer::Token(_) => Ok(Err(Denied::InvalidToken)),
        },
    }
}

/// The cookie that the platform's pages keep their session token in.
async fn by_cookie(
    broker: &Broker,
    origin: &str,
    request: &Forwarded<'_>,
    browser: &FromBrowser<'_>,
) -> Result<Result<Admitted, Denied>, Error> {
    let Some(cookie) = &browser.cookie else { return Ok(Err(Denied::TokenRequired)) };
    if !browser.counts(origin, request.is_safe()) {
        return Ok(Err(Denied::CrossOrigin));
    }
    let active = of_session(broker, origin, Some(cookie)).await?;
    Ok(active.map(Admitted::SignedIn).ok_or(Denied::InvalidToken))
}

fn judge(
    environment: &Environment,
    bearer: &Bearer,
    active: Option<Active>,
    request: &Forwarded<'_>,
) -> Result<(Who, Operation), Denied> {
    let operation = request.operation(&paths(environment)).ok_or(Denied::MethodMissing)?;
    let who = match (bearer, active) {
        (Bearer::Nothing, _) => {
            let public = public(environment).ok_or(Denied::TokenRequired)?;
            // A token may let it do more.
            may(&public.scopes, operation).map_err(|_| Denied::TokenRequired)?;
            Who::Anybody(public)
        }
        (_, None) => return Err(Denied::InvalidToken),
        (_, Some(active)) => {
            may(&active.scopes(), operation)?;
            Who::Bearer(active)
        }
    };
    Ok((who, operation))
}

/// Where its content API speaks GraphQL.
fn paths(environment: &Environment) -> Vec<&str> {
    let second = environment.settings.high_performance_url.as_ref();
    [Some(&environment.content_api_url), second].into_iter().flatten().map(Url::path).collect()
}

/// What an environment lets requests without a token do; None for nothing.
fn public(environment: &Environment) -> Option<Public> {
    let permissions = environment.public_permissions();
    (!permissions.is_empty()).then(|| Public {
        scopes: scope::of(&permissions),
        authorization_details: details::written(&permissions, environment.content_api_url.as_str()),
    })
}

fn may(scopes: &Scopes, operation: Operation) -> Result<(), Denied> {
    let has = |scope: &'static str| {
        if scopes.contains(scope) { Ok(()) } else { Err(Denied::InsufficientScope(scope)) }
    };
    match operation {
        Operation::Read => has(READ),
        Operation::Write => has(WRITE),
        // Either may be enough; which one is needed, the content API sees.
        Operation::InBody => has(WRITE).or_else(|_| has(READ)),
    }
}

impl Denied {
    /// The word of it, for machines.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}
