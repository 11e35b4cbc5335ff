//! The pages of signing in and out.

mod sessions;

use askama::Template;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{delete, sign_in, sign_out};
use crate::App;
use crate::connection::selection::Why;
use crate::edge::address::Address;
use crate::error::Error;
use crate::issuer::callback::Callback;
use crate::ledger::{self, Action, Entry};
use crate::web::failure::PageFailure;
use crate::web::forms::{Asked, OwnForm};
use crate::web::view::{Link, MessagePage, Page};
use crate::web::{Browser, SignedInBrowser, browser_name, encode, html, return_to, see_other, take_to};

pub fn router() -> Router<App> {
    Router::new()
        .route("/", get(front))
        .route("/sign-in", get(start))
        .route("/sign-in/callback", get(callback))
        .route("/sign-out", post(leave))
        .route("/account/sessions", get(sessions::show))
        .route("/account/sessions/end", post(sessions::end))
        .route("/account/sessions/end-others", post(sessions::end_others))
        .route("/account/delete", post(remove))
        .route("/account/deleted", get(deleted))
}

/// What this place is, and the way in.
#[derive(Debug, Template)]
#[template(path = "home.html")]
struct FrontPage {
    page: Page,
    /// Name of the issuer people sign in at.
    sign_in_at: String,
}

async fn front(State(app): State<App>, browser: Browser) -> Result<Response, PageFailure> {
    let issuer = sign_in::issuer(&app).await?;
    let page = FrontPage { page: browser.page(""), sign_in_at: issuer.name };
    Ok(html(StatusCode::OK, &page))
}

#[derive(Deserialize)]
struct SignIn {
    return_to: Option<String>,
}

async fn start(
    State(app): State<App>,
    mut browser: Browser,
    address: Address,
    Asked(asked): Asked<SignIn>,
) -> Result<Response, PageFailure> {
    let return_to = return_to::parse(&app.config.public_url, asked.return_to.as_deref());
    if browser.account.is_some() {
        return Ok(see_other(&return_to));
    }
    app.limits.admit_sign_in(address)?;
    let binding = browser.bind().await?;
    let url = sign_in::start(&app, &binding, &return_to).await?;
    Ok(see_other(url.as_str()))
}

/// GET only: a HEAD, as a link checker sends it, must not use up a state.
async fn callback(
    State(app): State<App>,
    method: axum::http::Method,
    headers: HeaderMap,
    mut browser: Browser,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    if method != axum::http::Method::GET {
        return Err(Error::MethodNotAllowed.into());
    }
    let malformed =
        |_| Error::SignInFailed("The answer was not one that a sign-in service gives.".to_owned());
    let callback = Callback::parse(query.as_deref().unwrap_or_default()).map_err(malformed)?;
    let elsewhere =
        || Error::SignInFailed("This sign-in is too old, was already used, or began elsewhere.".to_owned());
    let binding = browser.bound().ok_or_else(elsewhere)?;
    let (account, return_to) = sign_in::complete(&app, &binding, &callback).await?;
    browser.sign_in(&account).await?;
    browser_name::keep(&browser.session, &headers).await?;
    record(&app, Action::SignedIn, &account.id).await?;
    Ok(see_other(&return_to))
}

#[derive(Deserialize)]
struct SignOut {
    return_to: Option<String>,
}

async fn leave(State(app): State<App>, form: OwnForm<SignOut>) -> Result<Response, PageFailure> {
    let SignedInBrowser { browser, account, .. } = form.signed_in;
    browser.sign_out().await?;
    record(&app, Action::SignedOut, &account.id).await?;
    let issuer = sign_in::issuer(&app).await?.name;
    if let Some(url) = sign_out::end_session_url(&app).await? {
        return Ok(take_to(&url, &issuer));
    }
    let Some(path) = form.fields.return_to else { return Ok(see_other("/")) };
    let path = return_to::parse(&app.config.public_url, Some(&path));
    Ok(take_to(&app.url(&format!("/sign-in?return_to={}", encode(&path))), &issuer))
}

/// The form holds nothing but the value that proves it.
#[derive(Deserialize)]
struct Nothing {}

async fn remove(State(app): State<App>, form: OwnForm<Nothing>) -> Result<Response, PageFailure> {
    let SignedInBrowser { browser, account, .. } = form.signed_in;
    let why = Why { actor: account.id.clone(), reason: "deleted by its person".to_owned() };
    delete::delete(&app, &account.id, &why).await?;
    browser.sign_out().await?;
    Ok(see_other("/account/deleted"))
}

/// Says the same to everybody: whose account it was is forgotten.
async fn deleted() -> Response {
    let page = MessagePage {
        page: Page::new("Account deleted"),
        heading: "Your account is deleted".to_owned(),
        sentences: vec![
            "Every app was stopped, and you are signed out everywhere.".to_owned(),
            "Your name, e-mail address and picture are gone from here. The services behind your apps are told until each \
             has confirmed; then who you were there goes too."
                .to_owned(),
        ],
        said: None,
        primary: Link { label: "To the first page".to_owned(), href: "/".to_owned() },
        secondary: None,
        request_id: None,
    };
    html(StatusCode::OK, &page)
}

async fn record(app: &App, action: Action, account_id: &str) -> Result<(), Error> {
    let entry =
        Entry { actor: account_id.to_owned(), account_id: Some(account_id.to_owned()), ..Entry::default() };
    let mut transaction = app.db.begin().await?;
    ledger::append(&mut transaction, &app.ledger, action, &entry, app.clock.now()).await?;
    Ok(transaction.commit().await?)
}
