//! Deleting one's account, and what became of it: told to the browser that did it, and to nobody else.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::Broker;
use crate::account;
use crate::account::delete::{self, Deletion};
use crate::account::sign_out::SignedOut;
use crate::account::vouched::name_of_platform;
use crate::freeze::selection::Why;
use crate::secret::Token;
use crate::web::cookies::{Cookies, OwnCookie};
use crate::web::failure::PageFailure;
use crate::web::forms::{Nothing, OwnForm};
use crate::web::view::{Link, MessagePage, Page};
use crate::web::{Browser, SignedInBrowser, html, see_other};

pub async fn remove(
    State(broker): State<Broker>,
    cookies: Cookies,
    form: OwnForm<Nothing>,
) -> Result<Response, PageFailure> {
    let SignedInBrowser { browser, account, .. } = form.signed_in;
    let why = Why { actor: account.id.clone(), reason: "deleted by its person".to_owned() };
    delete::delete(&broker, &account.id, &why).await?;
    browser.sign_out().await?;
    let mut answer = see_other("/account/deleted");
    let platform = account.platform().unwrap_or_default();
    cookies.keep(&mut answer, OwnCookie::Deleted, &Token::new(format!("{} {platform}", account.id)))?;
    if !platform.is_empty() {
        return Ok(answer);
    }
    // Signed in there still, the next visit would make a new account at once.
    cookies.keep(&mut answer, OwnCookie::SignedOut, &SignedOut::toward(None).write()?)?;
    Ok(answer)
}

/// Anybody else is led to where they are.
pub async fn deleted(
    State(broker): State<Broker>,
    browser: Browser,
    cookies: Cookies,
) -> Result<Response, PageFailure> {
    if browser.account.is_some() {
        return Ok(see_other("/account/connected-apps"));
    }
    let Some(kept) = cookies.open(OwnCookie::Deleted) else { return Ok(see_other("/")) };
    let (id, platform) = kept.expose().split_once(' ').unwrap_or((kept.expose(), ""));
    let further = match delete::deletion(&broker, id).await? {
        Deletion::None => return Ok(see_other("/")),
        Deletion::UnderWay => {
            "The services behind your apps are told until each has confirmed; then who you were there goes too."
        }
        Deletion::Done => "The services behind your apps have confirmed, and who you were there is gone too.",
    };
    let there = match platform {
        "" => account::our_client::issuer(&broker).await?.name,
        key => name_of_platform(&broker, key),
    };
    let page = MessagePage {
        page: Page::new("Account deleted").branded(&broker.config),
        heading: "Your account is deleted".to_owned(),
        sentences: vec![
            "Every app was stopped, and you are signed out here in every browser.".to_owned(),
            format!("Your name, e-mail address and picture are gone from here. {further}"),
            format!("You may still be signed in at {there}, whose account is yours as before."),
        ],
        said: None,
        primary: Link { label: "To the first page".to_owned(), href: "/".to_owned() },
        secondary: None,
        request_id: None,
    };
    Ok(html(StatusCode::OK, &page))
}
