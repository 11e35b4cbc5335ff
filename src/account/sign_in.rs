//! Sign-in at the one OIDC issuer: authorization code, PKCE S256, state, nonce. OpenID Connect Core 1.0
//! section 3.1. Of the issuer's tokens only the ID token outlives it, sealed in the session, to end the issuer's own session
//! with; no database row is written before the issuer has answered.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use url::Url;

use super::attempt::Attempt;
use super::our_client::{client, issuer};
use super::person::Account;
use super::store::{self, Profile};
use crate::Broker;
use crate::error::Error;
use crate::issuer::authorize::{AuthorizationRequest, Prompt, authorization_url};
use crate::issuer::callback::{Answered, Callback};
use crate::issuer::discovery::endpoints;
use crate::issuer::exchange_code::exchange_code;
use crate::issuer::fault::untrusted;
use crate::issuer::id_token::{self, Expected};
use crate::issuer::profile::Pkce;
use crate::issuer::redact::quote;
use crate::issuer::scope::Scopes;
use crate::issuer::token_set::Member;
use crate::issuer::userinfo::userinfo;
use crate::issuer::{Issuer, IssuerFault};
use crate::secret::{Token, TokenHash};

/// The longest ID token that is kept, in bytes: it is sent back in an address, and those end at 8 KB in many places.
const LONGEST_KEPT: usize = 6 * 1024;

/// A sign-in that has begun.
pub struct Begun {
    /// Where the browser goes.
    pub url: Url,
    /// By this name the browser keeps the attempt.
    pub state: TokenHash,
    pub attempt: Attempt,
}

/// Begins a sign-in. `prompt` is what the issuer is to ask, whoever it knows already.
///
/// # Errors
/// [`Error::IssuerUnavailable`] when the issuer is not known and does not answer.
pub async fn start(broker: &Broker, return_to: &str, prompt: Option<Prompt>) -> Result<Begun, Error> {
    let issuer = issuer(broker).await?;
    let endpoints =
        endpoints(&broker.issuers, &issuer).await.map_err(|fault| sign_in_fault(&issuer, fault))?;
    let attempt = Attempt::begin(&issuer.external_name(), return_to, broker.clock.now());
    let state = Token::random();
    let request = AuthorizationRequest {
        client_id: &broker.config.sign_in.client_id,
        redirect_uri: &redirect_uri(broker),
        scopes: &Scopes::lenient(&broker.config.sign_in.scopes.join(" ")),
        state: &state,
        nonce: &attempt.nonce,
        verifier: &attempt.verifier,
        pkce: Pkce::Always,
        audience: None,
        prompt: prompt.and_then(|prompt| prompt.word(&issuer, &endpoints)),
        extras: &BTreeMap::new(),
    };
    tracing::debug!(issuer = issuer.key, "a sign-in begins");
    Ok(Begun { url: authorization_url(&endpoints, &request), state: state.hash(), attempt })
}

/// Who signed in.
pub struct SignedIn {
    pub account: Account,
    /// To end the issuer's session with, unless it is too long for that.
    pub id_token: Option<Token>,
}

/// Ends a sign-in: uses the attempt up that this browser kept for this answer, and asks the issuer who it is.
///
/// # Errors
/// [`Error::SignInFailed`] with a sentence for the person; [`Error::IssuerUnavailable`].
pub async fn complete(broker: &Broker, attempt: &Attempt, callback: &Callback) -> Result<SignedIn, Error> {
    let failed = |sentence: &str| Error::SignInFailed(sentence.to_owned());
    let state = callback.state().map(Token::hash).ok_or_else(unknown)?;
    if !attempt.use_up(broker, &state).await? {
        return Err(unknown());
    }
    let issuer = issuer(broker).await?;
    let known = endpoints(&broker.issuers, &issuer).await.map_err(|fault| sign_in_fault(&issuer, fault))?;
    if attempt.issuer != issuer.external_name() {
        return Err(failed("Another sign-in service is used here since this sign-in began."));
    }
    let secret = client(broker).secret;
    let sent: Vec<&Token> = secret.iter().chain([&attempt.verifier, &attempt.nonce]).collect();
    let code = match callback.answered(&known, &sent) {
        Answered::Code(code) => code,
        Answered::WrongIssuer => {
            return Err(failed("The answer did not come from the service that was asked."));
        }
        Answered::Denied => return Err(failed("You cancelled at the sign-in service.")),
        Answered::Error(said) => return Err(Error::SignInFailed(format!("{} says: {said}", issuer.name))),
        Answered::Nothing => return Err(failed("The answer held neither a code nor an error.")),
    };
    authenticate(broker, &issuer, &code, attempt).await.map_err(|fault| sign_in_fault(&issuer, fault))?
}

/// No attempt of this browser fits the answer.
#[must_use]
pub fn unknown() -> Error {
    Error::SignInFailed("This sign-in is too old, was already used, or began elsewhere.".to_owned())
}

/// The outer failure is the issuer's, the inner ours.
async fn authenticate(
    broker: &Broker,
    issuer: &Issuer,
    code: &Token,
    attempt: &Attempt,
) -> Result<Result<SignedIn, Error>, IssuerFault> {
    let (client, verifier) = (client(broker), &attempt.verifier);
    let (outcome, transcript) =
        exchange_code(&broker.issuers, issuer, &client, &redirect_uri(broker), code, verifier, Pkce::Always)
            .await;
    let tokens =
        outcome.inspect_err(|_| tracing::warn!(%transcript, "a sign-in's code brought no tokens"))?;
    let access_token = tokens.access_token.token();
    let id_token = match &tokens.id_token {
        Member::Token(id_token) => id_token,
        Member::Absent => return Err(IssuerFault::Odd("the issuer sent no ID token".to_owned())),
        Member::Unusable(why) => return Err(untrusted(&format!("the ID token cannot be read: it {why}"))),
    };
    let expected = Expected { client_id: &client.id, nonce: attempt.nonce.expose(), access_token };
    let mut claims = id_token::verify(&broker.issuers, issuer, id_token, &expected).await?;
    let subject = claims.get("sub").and_then(|sub| sub.as_str()).unwrap_or_default().to_owned();
    if let Some(access_token) = access_token {
        match userinfo(&broker.issuers, issuer, access_token, &subject).await {
            // The ID token's own claims stand; userinfo only adds.
            Ok(Some(more)) => more.into_iter().for_each(|(name, value)| {
                claims.entry(name).or_insert(value);
            }),
            Ok(None) => {}
            Err(untrusted @ IssuerFault::Untrusted(_)) => return Err(untrusted),
            // A name and a picture are not worth a refusal.
            Err(fault) => tracing::info!(issuer = issuer.key, %fault, "userinfo was not had at sign-in"),
        }
    }
    let answered = [&tokens.access_token, &tokens.refresh_token, &tokens.id_token];
    let answered = answered.into_iter().filter_map(Member::token);
    let sent: Vec<&str> =
        client.secret.iter().chain([code, verifier]).chain(answered).map(Token::expose).collect();
    let shown = |name: &str| shown(&claims, name, &sent);
    let (name, email, picture) = (shown("name"), shown("email"), shown("picture"));
    let profile = Profile {
        issuer: issuer.identifier().unwrap_or_default(),
        subject: &subject,
        name: name.as_deref(),
        email: email.as_deref(),
        picture: picture.as_deref(),
        claims: &claims,
    };
    let kept = Some(id_token).filter(|id_token| id_token.expose().len() <= LONGEST_KEPT).cloned();
    let account = store::sign_in(broker, &profile, broker.clock.now()).await;
    Ok(account.map(|account| SignedIn { account, id_token: kept }).map_err(Error::from))
}

/// A claim as it may stand on a page, without anything of `sent`.
#[must_use]
pub fn shown(claims: &Map<String, Value>, name: &str, sent: &[&str]) -> Option<String> {
    claims.get(name)?.as_str().and_then(|text| as_data(&quote(text, sent)))
}

/// A text of the issuer as it may stand on a page: bounded, on one line, without characters that turn the text
/// around them. None when nothing is left.
fn as_data(text: &str) -> Option<String> {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let kept: String = text.chars().filter(|c| !c.is_control() && !turns(*c)).take(200).collect();
    Some(kept.trim().to_owned()).filter(|kept| !kept.is_empty())
}

fn redirect_uri(broker: &Broker) -> Url {
    broker.url("/sign-in/callback")
}

fn sign_in_fault(issuer: &Issuer, fault: IssuerFault) -> Error {
    tracing::warn!(issuer = issuer.key, %fault, "sign-in failed at the issuer");
    let name = &issuer.name;
    match fault {
        IssuerFault::Unavailable(_, retry_after) => {
            Error::IssuerUnavailable { issuer: name.clone(), retry_after: retry_after.unwrap_or(10) }
        }
        IssuerFault::Unanswered(_) => Error::IssuerUnavailable { issuer: name.clone(), retry_after: 10 },
        IssuerFault::InvalidClient(_) => Error::Misconfigured { issuer: name.clone() },
        IssuerFault::Untrusted(why) | IssuerFault::Unverified(why) | IssuerFault::Odd(why) => {
            Error::SignInFailed(format!("{name} gave an answer that cannot be believed: {why}."))
        }
        refused => Error::SignInFailed(format!("{name} did not accept the sign-in: {refused}.")),
    }
}
