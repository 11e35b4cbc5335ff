//! `/sign-in` and its callback. The attempt is kept by the browser, each tab's by a name of its own.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::Broker;
use crate::account::attempt::Attempt;
use crate::account::record::record;
use crate::account::sign_in::{self, unknown};
use crate::edge::address::Address;
use crate::error::Error;
use crate::issuer::authorize::Prompt;
use crate::issuer::callback::Callback;
use crate::ledger::Action;
use crate::secret::{Token, TokenHash};
use crate::web::cookies::{Cookies, OwnCookie};
use crate::web::failure::PageFailure;
use crate::web::forms::PageQuery;
use crate::web::{Browser, SignedInBy, browser_name, encode, return_to, see_other};

/// Sign-ins that one browser has under way at one time, and the bytes of their cookies: every request carries them, and
/// proxies take 8 KB of headers. The oldest go.
const AT_ONCE: usize = 8;
const BYTES_AT_ONCE: usize = 6 * 1024;

/// Where somebody signs in who is to go on at `path` as somebody else, perhaps.
pub(super) fn as_another(path: &str) -> String {
    let prompt: &str = Prompt::SelectAccount.into();
    format!("/sign-in?prompt={prompt}&return_to={}", encode(path))
}

#[derive(Deserialize)]
pub struct SignIn {
    return_to: Option<String>,
    prompt: Option<String>,
}

pub async fn start(
    State(broker): State<Broker>,
    browser: Browser,
    address: Address,
    cookies: Cookies,
    PageQuery(asked): PageQuery<SignIn>,
) -> Result<Response, PageFailure> {
    let return_to = return_to::of_link(&broker.config, asked.return_to.as_deref());
    let prompt = asked.prompt.and_then(|word| word.parse::<Prompt>().ok());
    if browser.account.is_some() && prompt.is_none() {
        return Ok(see_other(&return_to));
    }
    broker.limits.admit_sign_in(address)?;
    // Who signed out is not signed in again by an issuer that may not know of it.
    let prompt = prompt.or_else(|| cookies.open(OwnCookie::SignedOut).map(|_| Prompt::Login));
    let begun = sign_in::start(&broker, &return_to, prompt).await?;
    let mut answer = see_other(begun.url.as_str());
    let size = cookies.keep(&mut answer, OwnCookie::SignIn(&begun.state), &begun.attempt.write()?)?;
    make_room(&broker, &cookies, &mut answer, size);
    Ok(answer)
}

/// Has the browser forget the attempts that are over, and the oldest of what are too many beside a new one of this size.
fn make_room(broker: &Broker, cookies: &Cookies, answer: &mut Response, new: usize) {
    let now = broker.clock.now();
    let age = |state: &TokenHash| {
        let kept = cookies.open(OwnCookie::SignIn(state))?;
        Attempt::read(&kept, now).map(|attempt| attempt.expires_at())
    };
    let mut others: Vec<(Option<i64>, TokenHash, usize)> =
        cookies.sign_ins().into_iter().map(|(state, size)| (age(&state), state, size)).collect();
    others.sort_by_key(|(age, ..)| std::cmp::Reverse(*age));
    let (mut number, mut bytes) = (1, new);
    for (age, state, size) in others {
        (number, bytes) = (number + 1, bytes + size);
        if age.is_none() || number > AT_ONCE || bytes > BYTES_AT_ONCE {
            cookies.forget(answer, OwnCookie::SignIn(&state));
        }
    }
}

/// GET only: a HEAD, as a link checker sends it, must not use up a state.
pub async fn callback(
    State(broker): State<Broker>,
    method: Method,
    headers: HeaderMap,
    browser: Browser,
    cookies: Cookies,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    if method != Method::GET {
        return Err(Error::MethodNotAllowed.into());
    }
    let malformed =
        |_| Error::SignInFailed("The answer was not one that a sign-in service gives.".to_owned());
    let callback = Callback::parse(query.as_deref().unwrap_or_default()).map_err(malformed)?;
    let state = callback.state().map(Token::hash).ok_or_else(unknown)?;
    let kept = cookies.open(OwnCookie::SignIn(&state)).ok_or_else(unknown)?;
    let attempt = Attempt::read(&kept, broker.clock.now()).ok_or_else(unknown)?;
    let mut answer = match go_on(&broker, &browser, &cookies, &attempt, &callback).await {
        Ok(answer) => {
            browser_name::keep(&browser.session, &headers).await?;
            answer
        }
        Err(error) => PageFailure::of_signing_in(error, &attempt.return_to).into_response(),
    };
    cookies.forget(&mut answer, OwnCookie::SignIn(&state));
    Ok(answer)
}

async fn go_on(
    broker: &Broker,
    browser: &Browser,
    cookies: &Cookies,
    attempt: &Attempt,
    callback: &Callback,
) -> Result<Response, Error> {
    let signed_in = sign_in::complete(broker, attempt, callback).await?;
    let mark = cookies.open(OwnCookie::Browser).unwrap_or_else(Token::random);
    browser.sign_in(&signed_in.account, &mark, SignedInBy::Issuer(signed_in.id_token.as_ref())).await?;
    record(broker, Action::SignedIn, &signed_in.account.id).await?;
    let mut answer = see_other(&attempt.return_to);
    cookies.keep(&mut answer, OwnCookie::Browser, &mark)?;
    for past in [OwnCookie::SignedOut, OwnCookie::Deleted] {
        if cookies.open(past).is_some() {
            cookies.forget(&mut answer, past);
        }
    }
    Ok(answer)
}
