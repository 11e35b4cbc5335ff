//! Ends a consent: judges the answer, spends the code, and has the grant stored. What comes after the answer runs in a
//! task of its own, so that a closed browser loses nothing.

pub mod grant;
pub mod kept;
mod unwanted;

use self::grant::{Grant, Outcome};
use super::start::store::Claimant;
use super::start::{self, ReturnToApp, verifier_place};
use crate::App;
use crate::account::{self, Account};
use crate::app::ThirdPartyApp;
use crate::error::{ConnectFault, Error};
use crate::issuer::IssuerFault;
use crate::issuer::callback::{Answered, Callback};
use crate::issuer::code::exchange_code;
use crate::issuer::discovery::endpoints;
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
    app: &App,
    account: &Account,
    browser: &TokenHash,
    third_party: &ThirdPartyApp,
    callback: Callback,
) -> Result<Completed, Ended> {
    let state = callback.state().ok_or(ConnectFault::StateUnknown).map_err(Error::from)?.hash();
    let now = app.clock.now();
    let claimant = Claimant { account_id: &account.id, browser, app_id: &third_party.id };
    let Some(attempt) = start::store::take(&app.db, &state, &claimant, now).await? else {
        return Err(Error::from(foreign(app, account, browser, &state).await?).into());
    };
    let (return_to_app, connection_id) = (attempt.return_to_app.clone(), attempt.connection_id.clone());
    let grant = Grant {
        app: app.clone(),
        account: account.clone(),
        third_party: third_party.clone(),
        attempt,
        state,
        transcript: Transcript::default(),
    };
    let whom = grant.third_party.issuer.external_name();
    match app.see_through(&whom, end(grant, callback)).await {
        Ok(outcome) => Ok(Completed { outcome, return_to_app }),
        Err(error) => Err(Ended { error, return_to_app, connection_id }),
    }
}

/// Why there is no attempt of this person in this browser. Who it was is told only where they began it: in this browser.
async fn foreign(
    app: &App,
    account: &Account,
    browser: &TokenHash,
    state: &TokenHash,
) -> Result<ConnectFault, Error> {
    let now = app.clock.now();
    let Some(open) = start::store::open(&app.db, state, now).await? else {
        return Ok(ConnectFault::StateUnknown);
    };
    if open.browser != *browser || open.account_id == account.id {
        return Ok(ConnectFault::Foreign);
    }
    let began = account::by_id(app, &open.account_id).await?;
    let fault =
        began.map(|began| ConnectFault::OtherPerson { began: began.in_words(), now: account.in_words() });
    Ok(fault.unwrap_or(ConnectFault::Foreign))
}

async fn end(mut grant: Grant, callback: Callback) -> Result<Outcome, Error> {
    let outcome = match code(&grant, &callback).await {
        Ok(code) => spend(&mut grant, code).await,
        Err(error) => Err(error),
    };
    start::store::end(&grant.app.db, &grant.state).await?;
    outcome
}

/// The code of a good answer.
async fn code(grant: &Grant, callback: &Callback) -> Result<Token, Error> {
    let third_party = &grant.third_party;
    let known = endpoints(&grant.app.issuers, &third_party.issuer).await;
    let known = known.map_err(|fault| issuer_fault(third_party, fault))?;
    let secret = crate::app::client(&grant.app, third_party).ok().and_then(|client| client.secret);
    let (verifier, nonce) = (verifier(grant).ok(), Token::new(grant.attempt.nonce.as_str()));
    let sent: Vec<&Token> = secret.iter().chain(&verifier).chain([&nonce]).collect();
    let fault = match callback.answered(&known, &sent) {
        Answered::Code(code) => return Ok(code),
        Answered::Denied => ConnectFault::Denied,
        Answered::WrongIssuer => ConnectFault::WrongIssuer,
        Answered::Error(said) => {
            ConnectFault::Refused(callback.error(), format!("{} says: {said}", third_party.issuer.name))
        }
        Answered::Nothing => ConnectFault::Issuer("The answer held neither a code nor an error.".to_owned()),
    };
    Err(fault.into())
}

fn verifier(grant: &Grant) -> Result<Token, Error> {
    Ok(grant.app.house_key.open(&verifier_place(&grant.state), &grant.attempt.verifier)?)
}

async fn spend(grant: &mut Grant, code: Token) -> Result<Outcome, Error> {
    let Grant { app, third_party, attempt, .. } = &*grant;
    let verifier = verifier(grant)?;
    let client = crate::app::client(app, third_party)?;
    let redirect_uri = third_party.callback(app);
    let (outcome, transcript) = exchange_code(
        &app.issuers,
        &third_party.issuer,
        &client,
        &redirect_uri,
        &code,
        &verifier,
        third_party.pkce(),
    )
    .await;
    let tokens = match outcome {
        Ok(mut tokens) => {
            let (asked, separator) = (&attempt.scopes, third_party.issuer.profile.scope_separator);
            let refreshable = tokens.refresh_token.token().is_some();
            tokens.scope = scope::granted(tokens.scope.as_ref(), asked, separator, refreshable);
            tokens
        }
        Err(fault) => {
            let error = issuer_fault(third_party, fault);
            tracing::warn!(app = third_party.key, %transcript, "a code brought no tokens");
            grant.record_refusal(&grant.entry(None).recording(&transcript)).await;
            return Err(error);
        }
    };
    grant.transcript = transcript;
    grant.judge_and_store(&tokens).await
}

/// An issuer's failure during a consent, in words for the person.
pub(super) fn issuer_fault(third_party: &ThirdPartyApp, fault: IssuerFault) -> Error {
    let name = third_party.issuer.name.clone();
    tracing::warn!(app = third_party.key, issuer = third_party.issuer.key, %fault, "a consent failed at the issuer");
    match fault {
        IssuerFault::Unavailable(_, retry_after) => {
            Error::IssuerUnavailable { issuer: name, retry_after: retry_after.unwrap_or(10) }
        }
        IssuerFault::Unanswered(_) => Error::IssuerUnavailable { issuer: name, retry_after: 10 },
        IssuerFault::InvalidClient(_) => Error::Misconfigured { issuer: name },
        IssuerFault::Untrusted(why) | IssuerFault::Unverified(why) | IssuerFault::Odd(why) => {
            ConnectFault::Issuer(format!(
                "{name} gave an answer that cannot be used: {why}. Nothing was stored."
            ))
            .into()
        }
        refused => {
            ConnectFault::Issuer(format!("{name} did not accept the consent: {refused}. Try again.")).into()
        }
    }
}
