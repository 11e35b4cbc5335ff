//! `/connect-sessions/{secret}`: whom a platform says this is, and the person's answer. Looking changes nothing: whoever shows a
//! link's contents beside a message opens it too.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::answer;
use super::row::ConnectSession;
use crate::Broker;
use crate::account::Account;
use crate::account::record::record;
use crate::account::vouched::Vouched;
use crate::app;
use crate::app::pages::face;
use crate::error::Error;
use crate::issuer::address;
use crate::issuer::authorization_error::AuthorizationError;
use crate::ledger::Action;
use crate::secret::{Token, TokenHash};
use crate::web::cookies::{Cookies, OwnCookie};
use crate::web::failure::PageFailure;
use crate::web::view::{Face, Link, MessagePage, Page};
use crate::web::{Browser, SignedInBy, browser_name, encode, forms, html, see_other, take_to};

/// Seconds for which somebody is signed in on a platform's word.
const SESSION: i64 = 3600;

pub fn router() -> Router<Broker> {
    Router::new().route("/connect-sessions/{secret}", get(show).post(go_on))
}

/// Whether somebody is the person whom a platform means.
#[derive(Debug, Template)]
#[template(path = "connect_session.html")]
struct ConnectSessionPage {
    page: Page,
    platform: String,
    name: String,
    /// Where it is not the name already.
    email: Option<String>,
    /// What is connected next.
    app: Option<Face>,
    /// Who else is signed in in this browser.
    somebody_else: Option<String>,
    /// What proves the form, which goes to this page's own address.
    proof: String,
}

async fn show(
    State(broker): State<Broker>,
    Path(secret): Path<String>,
    browser: Browser,
    cookies: Cookies,
) -> Result<Response, PageFailure> {
    let session = answer::find(&broker, &secret).await?.ok_or(Error::NotFound)?;
    if !session.is_open(broker.clock.now()) {
        return Ok(over(&broker, &browser, &session));
    }
    if answer::is_held(&broker, &session).await? {
        return Ok(held(&broker, &browser, &session));
    }
    let kept = cookies.open(OwnCookie::Browser);
    let mark = kept.clone().unwrap_or_else(Token::random);
    let app = match &session.app_key {
        Some(key) => app::by_key(&broker, key).await?,
        None => None,
    };
    let Vouched { name, email, .. } = &session.person;
    let somebody_else = browser.account.as_ref().filter(|account| !session.person.is(account));
    let page = ConnectSessionPage {
        page: browser.page("Is this you?"),
        platform: platform(&broker, &session),
        name: session.person.display_name().to_owned(),
        email: email.clone().filter(|_| name.is_some()),
        app: app.as_ref().map(face),
        somebody_else: somebody_else.map(Account::in_words),
        proof: proof(&session, &mark).expose().to_owned(),
    };
    let mut shown = html(StatusCode::OK, &page);
    if kept.is_none() {
        cookies.keep(&mut shown, OwnCookie::Browser, &mark)?;
    }
    Ok(shown)
}

#[derive(Deserialize)]
struct Answer {
    answer: Said,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Continue,
    NotMe,
}

async fn go_on(
    State(broker): State<Broker>,
    Path(secret): Path<String>,
    browser: Browser,
    cookies: Cookies,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, PageFailure> {
    let session = answer::find(&broker, &secret).await?.ok_or(Error::NotFound)?;
    let mark = cookies.open(OwnCookie::Browser).ok_or(Error::ForgedRequest)?;
    let form: Answer = forms::proven(&broker, request, &proof(&session, &mark)).await?;
    if matches!(form.answer, Said::NotMe) {
        let first = answer::decline(&broker, &session).await?;
        return Ok(if first {
            declined(&broker, &browser, &session)
        } else {
            over(&broker, &browser, &session)
        });
    }
    if answer::is_held(&broker, &session).await? {
        return Ok(held(&broker, &browser, &session));
    }
    let Some(account) = answer::go_on(&broker, &session).await? else {
        return Ok(over(&broker, &browser, &session));
    };
    let before = browser.account.as_ref().filter(|before| before.id != account.id);
    if let Some(before) = before {
        record(&broker, Action::SignedOut, &before.id).await?;
    }
    let by = SignedInBy::Platform {
        lives: time::Duration::seconds(SESSION),
        until: broker.clock.now().plus(SESSION),
    };
    browser.sign_in(&account, &mark, by).await?;
    browser_name::keep(&browser.session, &headers).await?;
    Ok(see_other(&onward(&session)))
}

/// What only this link's page in this browser knows.
fn proof(session: &ConnectSession, mark: &Token) -> Token {
    let text = format!("connect session {} in {}", session.secret.as_str(), mark.expose());
    Token::new(TokenHash::of(&text).as_str())
}

/// To connect the app, and from there to the platform's page; else to what is connected.
fn onward(session: &ConnectSession) -> String {
    match (&session.app_key, &session.return_to) {
        (Some(app), Some(back)) => format!("/connect/{app}?redirect_uri={}", encode(back.as_str())),
        (Some(app), None) => format!("/connect/{app}"),
        (None, _) => "/account/connected-apps".to_owned(),
    }
}

fn platform(broker: &Broker, session: &ConnectSession) -> String {
    let found = broker.config.platform_of(&session.person.issuer);
    found.map(|platform| platform.name.clone()).unwrap_or_default()
}

/// Whoever opened it is not the person.
fn declined(broker: &Broker, browser: &Browser, session: &ConnectSession) -> Response {
    let platform = platform(broker, session);
    if let Some(back) = &session.return_to {
        let word = <&str>::from(AuthorizationError::AccessDenied);
        return take_to(&broker.config, &address::with(back, &[("error", word)]), &platform);
    }
    let sentences = vec![
        format!("Nothing was connected, and nothing was changed. The link of {platform} is over."),
        format!(
            "If you wanted to connect something, sign in at {platform} as yourself and begin there again."
        ),
    ];
    message(browser, StatusCode::OK, "Thank you for saying so", sentences, home(browser))
}

/// A link that was used, declined, or not opened in time. It names no person: who has it now may be anybody.
fn over(broker: &Broker, browser: &Browser, session: &ConnectSession) -> Response {
    let platform = platform(broker, session);
    let sentences = vec![
        "A link works once, and for ten minutes.".to_owned(),
        format!("Nothing was changed. Go back to {platform}, and begin there again."),
    ];
    // Who went on and came back to this page is where they were.
    let is_theirs = browser.account.as_ref().is_some_and(|account| session.person.is(account));
    let way = match &session.return_to {
        _ if is_theirs => Link { label: "Go on".to_owned(), href: onward(session) },
        Some(back) => Link { label: format!("Back to {platform}"), href: back.to_string() },
        None => home(browser),
    };
    message(browser, StatusCode::GONE, "This link is over", sentences, way)
}

fn held(broker: &Broker, browser: &Browser, session: &ConnectSession) -> Response {
    let platform = platform(broker, session);
    let sentences = vec![
        format!(
            "An administrator of this place holds the account that {platform} means, so nothing can be connected."
        ),
        "Nothing was changed. Ask the administrator.".to_owned(),
    ];
    let way = match &session.return_to {
        Some(back) => Link { label: format!("Back to {platform}"), href: back.to_string() },
        None => home(browser),
    };
    message(browser, StatusCode::FORBIDDEN, "This account is held", sentences, way)
}

fn home(browser: &Browser) -> Link {
    match browser.account {
        Some(_) => Link { label: "Connected apps".to_owned(), href: "/account/connected-apps".to_owned() },
        None => Link { label: "To the first page".to_owned(), href: "/".to_owned() },
    }
}

fn message(
    browser: &Browser,
    status: StatusCode,
    heading: &str,
    sentences: Vec<String>,
    primary: Link,
) -> Response {
    let page = MessagePage {
        page: browser.page(heading),
        heading: heading.to_owned(),
        sentences,
        said: None,
        primary,
        secondary: None,
        request_id: None,
    };
    html(status, &page)
}
