//! The gate: a proxy asks before it lets a request through to a content API. Judges who asks, the bearer at that
//! environment, and whether its scopes let it read or change. Sees no body, and hands out nothing.

use std::sync::Arc;

use serde_json::Value;
use url::Url;

use super::active::Active;
use super::forwarded::{Forwarded, Operation};
use super::from_browser::FromBrowser;
use super::handshake::{self, Opened, SentOn};
use super::introspect::{Introspection, introspect, of_session};
use crate::Broker;
use crate::content::environment::Environment;
use crate::content::permission::details;
use crate::content::permission::scope::{self, READ, WRITE};
use crate::error::Error;
use crate::issuer::scope::Scopes;
use crate::secret::{Token, random_id};
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

/// What becomes of a request that is not let through.
#[derive(Debug)]
pub enum NotAdmitted {
    Denied(Denied),
    /// A page that somebody opened: its browser is to go there first.
    SentOn(SentOn),
}

impl From<Denied> for NotAdmitted {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
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
    /// What came back with the page is not for this browser, or not good.
    HandshakeFailed,
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
) -> Result<Result<Admitted, NotAdmitted>, Error> {
    let token = if let Bearer::Token(token) = bearer { Some(token) } else { None };
    match introspect(broker, None, secret, token).await? {
        Introspection::Content { environment: None, .. } => Ok(Err(Denied::EnvironmentClosed.into())),
        Introspection::Content { environment: Some(environment), active } => {
            let judged = judge(&environment, bearer, active, request);
            let admitted = |(who, operation)| Admitted::ToContent { environment, who, operation };
            Ok(judged.map(admitted).map_err(NotAdmitted::from))
        }
        Introspection::Session { active: Some(token), .. } => Ok(Ok(Admitted::SignedIn(token))),
        Introspection::Session { origin, .. } => match bearer {
            Bearer::Nothing => by_cookie(broker, &origin, request, browser).await,
            Bearer::Unreadable | Bearer::Token(_) => Ok(Err(Denied::InvalidToken.into())),
        },
    }
}

/// The cookie that the platform's pages keep their session token in. A page that somebody opens without a good one is sent to
/// renew it.
async fn by_cookie(
    broker: &Broker,
    origin: &str,
    request: &Forwarded<'_>,
    browser: &FromBrowser<'_>,
) -> Result<Result<Admitted, NotAdmitted>, Error> {
    let opened = Opened::of(origin, request.is_get(), &request.targets, browser);
    if let Some((opened, returned)) = opened.as_ref().and_then(|opened| Some((opened, opened.returned()?))) {
        let sent_on = come_back(broker, origin, opened, returned, browser).await?;
        return Ok(Err(sent_on.map_or(Denied::HandshakeFailed.into(), NotAdmitted::SentOn)));
    }
    let denied = match &browser.cookie {
        None => Denied::TokenRequired,
        Some(_) if !browser.counts(origin, request.is_safe()) => return Ok(Err(Denied::CrossOrigin.into())),
        Some(cookie) => match of_session(broker, origin, Some(cookie)).await? {
            Some(active) => return Ok(Ok(Admitted::SignedIn(active))),
            None => Denied::InvalidToken,
        },
    };
    let handshake = broker.url("/v1/session/handshake");
    let away = opened.and_then(|opened| opened.away(handshake.as_str(), browser, &random_id::<32>()));
    Ok(Err(away.map_or(denied.into(), NotAdmitted::SentOn)))
}

/// One round: whatever came back, nobody is sent away for it again. None where it is not for this browser, or not good.
async fn come_back(
    broker: &Broker,
    origin: &str,
    opened: &Opened<'_>,
    returned: &str,
    browser: &FromBrowser<'_>,
) -> Result<Option<SentOn>, Error> {
    let nonce = handshake::nonce(browser);
    if let Some(nonce) = nonce.filter(|_| returned != handshake::SIGNED_OUT) {
        let active = of_session(broker, origin, Some(&Token::new(returned))).await?;
        let said = |active: &SessionToken, name: &str| active.claims.get(name).cloned();
        if let Some(active) = active.filter(|active| said(active, "nonce") == Some(Value::from(nonce))) {
            let ends = said(&active, "exp").and_then(|ends| ends.as_i64()).unwrap_or_default();
            return Ok(Some(opened.home(returned, ends - broker.clock.now().unix())));
        }
    }
    // Another page of this browser was there first, or somebody opened an old address.
    if of_session(broker, origin, browser.cookie.as_ref()).await?.is_some() {
        return Ok(Some(opened.home_as_before()));
    }
    // Without the nonce anybody may have made this link: it must not end the hint.
    Ok((returned == handshake::SIGNED_OUT && nonce.is_some()).then(|| opened.home_as_stranger()))
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
