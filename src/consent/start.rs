//! Begins a consent: an attempt for one person in one browser, and the issuer's authorization URL.

use url::Url;

use super::attempt::store::{self, Attempt};
use super::attempt::{ReturnToApp, verifier_place};
use super::choice::Choice;
use crate::Broker;
use crate::account::Account;
use crate::app::{App, ScopeRule};
use crate::connection::Connection;
use crate::error::{ConnectFault, Error};
use crate::issuer::authorize::{AuthorizationRequest, Prompt, authorization_url};
use crate::issuer::discovery::endpoints;
use crate::issuer::scope::Scopes;
use crate::revoke::tell;
use crate::secret::{Token, TokenHash};

/// Seconds a person has to consent at the issuer.
const ATTEMPT_LIFETIME: i64 = 600;

/// What a link or form asks for beside the app itself.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// A connection of this person that is to be renewed.
    pub connection: Option<String>,
    /// Where the app wants the person back, and what it wants told.
    pub return_to_app: Option<ReturnToApp>,
    /// For how long, and where.
    pub choice: Choice,
    /// In place of everything that the app would ask for: an explicit narrowing of a renewed connection.
    pub narrow: Option<Scopes>,
    /// What the issuer is to ask, whoever it knows already.
    pub prompt: Option<Prompt>,
}

/// The app of a connect link, if it is open for connecting.
///
/// # Errors
/// [`Error::AppNotFound`], or that it is closed.
pub async fn app_to_connect(broker: &Broker, key: &str) -> Result<App, Error> {
    let app = crate::app::by_key(broker, key).await?.ok_or(Error::AppNotFound)?;
    if !app.status.is_approved() {
        return Err(ConnectFault::AppClosed.into());
    }
    Ok(app)
}

/// What will be asked for: the app's scopes, with those a renewed connection already has; or of these only some, where
/// the person wants it narrower, and what a connection needs.
///
/// # Errors
/// [`Error::InvalidRequest`] when nothing is left: a request without `scope` is given what the issuer sees fit (RFC 6749
/// section 3.3), which may be more than there was.
pub fn scopes_to_ask(app: &App, renewed: Option<&Connection>, wish: &Wish) -> Result<Scopes, Error> {
    let (ScopeRule::Union, Some(connection)) = (app.scope_rule, renewed) else {
        return Ok(app.scopes.clone());
    };
    let all = app.scopes.union(&connection.granted_scopes);
    let Some(kept) = &wish.narrow else { return Ok(all) };
    let narrowed = all.without(&all.permissions().without(kept));
    if narrowed.is_empty() {
        let sentence = "Keep at least one permission. To end what the app may do, stop its access instead.";
        return Err(Error::InvalidRequest(sentence.to_owned()));
    }
    Ok(narrowed)
}

/// # Errors
/// [`Error::ConnectionNotFound`] when the connection to renew is not this person's; [`Error::IssuerUnavailable`].
pub async fn start(
    broker: &Broker,
    account: &Account,
    browser: &TokenHash,
    app: &App,
    wish: &Wish,
) -> Result<Url, Error> {
    let renewed = renewed(broker, account, app, wish).await?;
    let scopes = scopes_to_ask(app, renewed.as_ref(), wish)?;
    let endpoints = endpoints(&broker.issuers, &app.issuer)
        .await
        .map_err(|fault| super::issuer_fault::issuer_fault(app, fault))?;
    let (state, nonce, verifier) = (Token::random(), Token::random(), Token::random());
    let hash = state.hash();
    let now = broker.clock.now();
    let settled = renewed.as_ref().map(|renewed| wish.choice.settled(renewed));
    let choice = settled.unwrap_or_else(|| wish.choice.clone());
    let attempt = Attempt {
        account_id: account.id.clone(),
        app_id: app.id.clone(),
        connection_id: renewed.map(|connection| connection.id),
        verifier: broker.house_key.seal(&verifier_place(&hash), &verifier)?,
        nonce: nonce.expose().to_owned(),
        scopes: scopes.clone(),
        return_to_app: wish.return_to_app.clone(),
        choice,
    };
    store::begin(&broker.db, &hash, browser, &attempt, now, now.plus(ATTEMPT_LIFETIME)).await?;
    tell::wait_for_the_told(broker, &account.id, app).await?;
    let audience = app.audience.as_deref();
    let request = AuthorizationRequest {
        client_id: &app.client_id,
        redirect_uri: &app.callback(broker),
        scopes: &scopes,
        state: &state,
        nonce: &nonce,
        verifier: &verifier,
        pkce: app.pkce(),
        audience: audience.map(|audience| (app.issuer.profile.audience_parameter, audience)),
        prompt: wish.prompt.and_then(|prompt| prompt.word(&app.issuer, &endpoints)),
        extras: &app.authorization_url_extras,
    };
    Ok(authorization_url(&endpoints, &request))
}

/// The live connection that this consent renews: the one that was named, else none is foretold.
///
/// # Errors
/// [`Error::ConnectionNotFound`] when it is not this person's, not live, or of another app.
pub async fn renewed(
    broker: &Broker,
    account: &Account,
    app: &App,
    wish: &Wish,
) -> Result<Option<Connection>, Error> {
    let Some(id) = &wish.connection else { return Ok(None) };
    let connection = crate::connection::store::of_account(&broker.db, &account.id, id).await?;
    let connection = connection.filter(|found| {
        found.is_live() && !found.consent_is_over(broker.clock.now()) && found.app_id == app.id
    });
    connection.map(Some).ok_or(Error::ConnectionNotFound)
}
