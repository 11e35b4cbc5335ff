//! The edge toward browsers: who is there, whether a form is our own, and how a page is answered. Pages of
//! slices use it; no machine dialect does.

pub mod assets;
pub mod brand;
pub mod browser_name;
pub mod cookies;
pub mod failure;
pub mod forms;
pub mod headers;
pub mod return_to;
pub mod view;

use std::sync::Arc;

use askama::Template;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use tower_sessions::{Expiry, Session};
use url::Url;

use crate::Broker;
use crate::account::{self, Account};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::error::Error;
use crate::secret::{Token, TokenHash};
use crate::session::{ACCOUNT, ENDS_AT, ID_TOKEN, MARK, UNTIL};
use failure::PageFailure;
use view::{OnwardPage, Page, SignedIn};

/// The browser at the other end, with or without somebody signed in. Not to be printed: its session holds an ID token.
#[derive(Clone)]
pub struct Browser {
    pub session: Session,
    /// What its forms repeat. The same for as long as this person uses this browser, so that a page that is open outlives
    /// a sign-out and the next sign-in.
    pub csrf: Option<Token>,
    pub account: Option<Account>,
    /// When the session ends.
    pub ends_at: Option<Timestamp>,
    mark: Option<Token>,
    /// Whose pages these are is in its configuration.
    broker: Broker,
}

impl FromRequestParts<Broker> for Browser {
    type Rejection = PageFailure;

    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, PageFailure> {
        let session = <Session as FromRequestParts<Broker>>::from_request_parts(parts, broker).await;
        let session = session.map_err(|_| Error::Internal("There is no session layer.".to_owned()))?;
        Ok(Self::of(session, broker).await?)
    }
}

impl OptionalFromRequestParts<Broker> for Browser {
    type Rejection = PageFailure;

    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Option<Self>, PageFailure> {
        <Self as FromRequestParts<Broker>>::from_request_parts(parts, broker).await.map(Some)
    }
}

/// On whose word somebody is signed in.
#[derive(Clone, Copy)]
pub enum SignedInBy<'a> {
    /// The sign-in issuer's, with its ID token where that is kept.
    Issuer(Option<&'a Token>),
    /// A platform's, for a shorter time.
    Platform { lives: time::Duration, until: Timestamp },
}

fn broken(error: &tower_sessions::session::Error) -> Error {
    tracing::error!(%error, "a session could not be read or written");
    Error::Internal("The session could not be read.".to_owned())
}

impl Browser {
    /// Who is there, by their session.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of(session: Session, broker: &Broker) -> Result<Self, Error> {
        let nobody = |session| {
            let broker = broker.clone();
            Self { session, csrf: None, account: None, ends_at: None, mark: None, broker }
        };
        let account_id: Option<String> = session.get(ACCOUNT).await.map_err(|error| broken(&error))?;
        let mark: Option<Token> = session.get(MARK).await.map_err(|error| broken(&error))?;
        let (Some(id), Some(mark)) = (account_id, mark) else { return Ok(nobody(session)) };
        let Some(account) = account::by_id(broker, &id).await? else { return Ok(nobody(session)) };
        let ends_at: Option<i64> = session.get(ENDS_AT).await.map_err(|error| broken(&error))?;
        let csrf = Token::new(TokenHash::of(&format!("forms of {id} in {}", mark.expose())).as_str());
        Ok(Self {
            session,
            csrf: Some(csrf),
            account: Some(Arc::unwrap_or_clone(account)),
            ends_at: ends_at.map(Timestamp::from_unix),
            mark: Some(mark),
            broker: broker.clone(),
        })
    }

    /// What binds an answer of an issuer to this browser. Another text than the value in the forms, so that neither tells
    /// the other.
    #[must_use]
    pub fn bound(&self) -> Option<TokenHash> {
        self.mark.as_ref().map(|mark| TokenHash::of(&format!("consents in {}", mark.expose())))
    }

    /// Signs a person in: a new session id, so that one planted before is worth nothing. `mark` is the browser's.
    ///
    /// # Errors
    /// When the session cannot be written.
    pub async fn sign_in(&self, account: &Account, mark: &Token, by: SignedInBy<'_>) -> Result<(), Error> {
        let session = &self.session;
        session.clear().await;
        session.cycle_id().await.map_err(|error| broken(&error))?;
        session.insert(ACCOUNT, &account.id).await.map_err(|error| broken(&error))?;
        session.insert(MARK, mark.expose()).await.map_err(|error| broken(&error))?;
        match by {
            SignedInBy::Issuer(None) => Ok(()),
            SignedInBy::Issuer(Some(id_token)) => session.insert(ID_TOKEN, id_token.expose()).await,
            SignedInBy::Platform { lives, until } => {
                session.set_expiry(Some(Expiry::OnInactivity(lives)));
                session.insert(UNTIL, until.unix()).await
            }
        }
        .map_err(|error| broken(&error))
    }

    /// Ends the session; the ID token that it was begun with, if it was kept.
    ///
    /// # Errors
    /// When the session cannot be deleted.
    pub async fn sign_out(&self) -> Result<Option<Token>, Error> {
        let id_token = self.session.get(ID_TOKEN).await.map_err(|error| broken(&error))?;
        self.session.flush().await.map_err(|error| broken(&error))?;
        Ok(id_token)
    }

    /// The frame of a page for whoever is there.
    #[must_use]
    pub fn page(&self, title: impl Into<String>) -> Page {
        let page = Page::new(title).branded(&self.broker.config);
        match (&self.account, &self.csrf) {
            (Some(account), Some(csrf)) => {
                let person = SignedIn {
                    name: account.display_name(),
                    email: account.email.clone().unwrap_or_default(),
                };
                page.signed_in(person, csrf.expose())
            }
            _ => page,
        }
    }
}

/// A browser with somebody signed in; anybody else is sent to sign in and back.
#[derive(Clone)]
pub struct SignedInBrowser {
    pub browser: Browser,
    pub account: Account,
    /// What binds an answer of an issuer to this browser.
    pub binding: TokenHash,
}

impl SignedInBrowser {
    /// None when nobody is.
    #[must_use]
    pub fn of(browser: Browser) -> Option<Self> {
        let (account, binding) = (browser.account.clone()?, browser.bound()?);
        Some(Self { browser, account, binding })
    }
}

impl FromRequestParts<Broker> for SignedInBrowser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, Response> {
        let browser = <Browser as FromRequestParts<Broker>>::from_request_parts(parts, broker).await;
        let browser = browser.map_err(IntoResponse::into_response)?;
        if let Some(signed_in) = Self::of(browser) {
            return Ok(signed_in);
        }
        if parts.method.is_safe() && !parts.uri.path().ends_with("/callback") {
            let here = parts.uri.path_and_query().map_or("/", |path| path.as_str());
            return Err(see_other(&format!("/sign-in?return_to={}", encode(here))));
        }
        Err(PageFailure::from(Error::SignInRequired).into_response())
    }
}

/// Percent-encodes a text for a query.
#[must_use]
pub fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// 303, so that a form's body is never sent on. RFC 9700 section 4.12.
#[must_use]
pub fn see_other(to: &str) -> Response {
    Redirect::to(to).into_response()
}

/// The answer to a form whose sender goes on elsewhere: a page that takes them there. A redirect would not do. Browsers
/// hold all redirects that follow a form to the page's policy. An issuer may send people to a host of its own to sign in,
/// and an app to its next address. `name` is whose place it is.
#[must_use]
pub fn take_to(config: &Config, to: &Url, name: &str) -> Response {
    let page =
        OnwardPage { page: Page::new(name).branded(config), to: to.to_string(), name: name.to_owned() };
    html(StatusCode::OK, &page)
}

/// A page's answer.
#[must_use]
pub fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            let text = HeaderValue::from_static("text/plain; charset=utf-8");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                [(header::CONTENT_TYPE, text)],
                "This page could not be made.",
            )
                .into_response()
        }
    }
}
