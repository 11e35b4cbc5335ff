//! Ends a consent: judges the answer, spends the code, and has the grant stored. What comes after the answer runs in a
//! task of its own, so that a closed browser loses nothing.

pub mod another_identity;
pub mod grant;
mod unwanted;

use self::grant::{Grant, Outcome};
use super::attempt::store::Claimant;
use super::attempt::{self, ReturnToApp, verifier_place};
use super::issuer_fault::issuer_fault;
use crate::Broker;
use crate::account::{self, Account};
use crate::app::App;
use crate::error::{ConnectFault, Error};
use crate::issuer::callback::{Answered, Callback};
use crate::issuer::discovery::endpoints;
use crate::issuer::exchange_code::exchange_code;
use crate::issuer::scope;
use crate::issuer::transcript::Transcript;
use crate::secret::{Token, TokenHash};

/// What came of a consent.
pub struct Completed {
    pub outcome: Outcome,
    pub return_to_app: Option<ReturnToApp>,
}

/// A consent that ended without a connection, and what is known of how it began.
pub struct Ended {
    pub error: Error,
    /// Where the app wants the person back all the same.
    pub return_to_app: Option<ReturnToApp>,
    /// The connection that was to be renewed.
    pub connection_id: Option<String>,
}

impl<E: Into<Error>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self { error: error.into(), return_to_app: None, connection_id: None }
    }
}

/// # Errors
/// [`Ended`], with a sentence for the person; nothing is stored then.
pub async fn complete(
    broker: &Broker,
    account: &Account,
    browser: &TokenHash,
    app: &App,
    callback: Callback,
) -> Result<Completed, Ended> {
    let state = callback.state().ok_or(ConnectFault::StateUnknown).map_err(Error::from)?.hash();
    let now = broker.clock.now();
    let claimant = Claimant { account_id: &account.id, browser, app_id: &app.id };
    let Some(attempt) = attempt::store::take(&broker.db, &state, &claimant, now).await? else {
        return Err(Error::from(foreign(broker, account, browser, &state).await?).into());
    };
    let (return_to_app, connection_id) = (attempt.return_to_app.clone(), attempt.connection_id.clone());
    let grant = Grant {
        broker: broker.clone(),
        account: account.clone(),
        app: app.clone(),
        attempt,
        state,
        transcript: Transcript::default(),
    };
    let whom = grant.app.issuer.external_name();
    match broker.see_through(&whom, end(grant, callback)).await {
        Ok(outcome) => Ok(Completed { outcome, return_to_app }),
        Err(error) => Err(Ended { error, return_to_app, connection_id }),
    }
}

/// Why there is no attempt of this person in this browser. Who it was is told only where they began it: in this browser.
async fn foreign(
    broker: &Broker,
    account: &Account,
    browser: &TokenHash,
    state: &TokenHash,
) -> Result<ConnectFault, Error> {
    let now = broker.clock.now();
    let Some(open) = attempt::store::open(&broker.db, state, now).await? else {
        return Ok(ConnectFault::StateUnknown);
    };
    if open.browser != *browser || open.account_id == account.id {
        return Ok(ConnectFault::Foreign);
    }
    let began = account::by_id(broker, &open.account_id).await?;
    let fault =
        began.map(|began| ConnectFault::OtherPerson { began: began.in_words(), now: account.in_words() });
    Ok(fault.unwrap_or(ConnectFault::Foreign))
}

async fn end(mut grant: Grant, callback: Callback) -> Result<Outcome, Error> {
    let outcome = match code(&grant, &callback).await {
        Ok(code) => spend(&mut grant, code).await,
        Err(error) => Err(error),
    };
    attempt::store::end(&grant.broker.db, &grant.state).await?;
    outcome
}

/// The code of a good answer.
async fn code(grant: &Grant, callback: &Callback) -> Result<Token, Error> {
    let app = &grant.app;
    let known = endpoints(&grant.broker.issuers, &app.issuer).await;
    let known = known.map_err(|fault| issuer_fault(app, fault))?;
    let secret = crate::app::client(&grant.broker, app).ok().and_then(|client| client.secret);
    let (verifier, nonce) = (verifier(grant).ok(), Token::new(grant.attempt.nonce.as_str()));
    let sent: Vec<&Token> = secret.iter().chain(&verifier).chain([&nonce]).collect();
    let fault = match callback.answered(&known, &sent) {
        Answered::Code(code) => return Ok(code),
        Answered::Denied => ConnectFault::Denied,
        Answered::WrongIssuer => ConnectFault::WrongIssuer,
        Answered::Error(said) => {
            ConnectFault::Refused(callback.error(), format!("{} says: {said}", app.issuer.name))
        }
        Answered::Nothing => ConnectFault::Issuer("The answer held neither a code nor an error.".to_owned()),
    };
    Err(fault.into())
}

fn verifier(grant: &Grant) -> Result<Token, Error> {
    Ok(grant.broker.house_key.open(&verifier_place(&grant.state), &grant.attempt.verifier)?)
}

async fn spend(grant: &mut Grant, code: Token) -> Result<Outcome, Error> {
    let Grant { broker, app, attempt, .. } = &*grant;
    let verifier = verifier(grant)?;
    let client = crate::app::client(broker, app)?;
    let redirect_uri = app.callback(broker);
    let (outcome, transcript) =
        exchange_code(&broker.issuers, &app.issuer, &client, &redirect_uri, &code, &verifier, app.pkce())
            .await;
    let tokens = match outcome {
        Ok(mut tokens) => {
            let (asked, separator) = (&attempt.scopes, app.issuer.profile.scope_separator);
            let refreshable = tokens.refresh_token.token().is_some();
            tokens.scope = scope::granted(tokens.scope.as_ref(), asked, separator, refreshable);
            tokens
        }
        Err(fault) => {
            let error = issuer_fault(app, fault);
            tracing::warn!(app = app.key, %transcript, "a code brought no tokens");
            grant.record_refusal(&grant.entry(None).recording(&transcript)).await;
            return Err(error);
        }
    };
    grant.transcript = transcript;
    grant.judge_and_store(&tokens).await
}
