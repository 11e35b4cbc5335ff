//! `/account/sessions`: where the person is signed in, and the end of that.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use crate::Broker;
use crate::account::sessions;
use crate::account::vouched::signs_in_at;
use crate::secret::TokenHash;
use crate::session::{self, Ending};
use crate::web::failure::PageFailure;
use crate::web::forms::{Nothing, OwnForm, PageQuery};
use crate::web::view::{Page, Time};
use crate::web::{SignedInBrowser, html, see_other};

/// Where the person is signed in.
#[derive(Debug, Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    page: Page,
    /// What has just happened.
    ended: Option<&'static str>,
    /// This one first, the others by last use.
    sessions: Vec<SessionRow>,
    others: bool,
    /// Where browsers may still be signed in.
    issuer: String,
}

/// One place where the person is signed in.
#[derive(Debug)]
struct SessionRow {
    browser: String,
    signed_in: Time,
    used: Time,
    /// None for the browser that looks at this page.
    end: Option<String>,
}

#[derive(Deserialize)]
pub struct Query {
    ended: Option<String>,
}

pub async fn show(
    State(broker): State<Broker>,
    PageQuery(asked): PageQuery<Query>,
    signed_in: SignedInBrowser,
) -> Result<Response, PageFailure> {
    let (here, now) = (here(&signed_in), broker.clock.now());
    let mut listed = sessions::list(&broker, &signed_in.account.id).await?;
    listed.sort_by_key(|session| Some(&session.id) != here.as_ref());
    let sessions = listed.into_iter().map(|session| SessionRow {
        end: Some(session.id.as_str().to_owned()).filter(|_| Some(&session.id) != here.as_ref()),
        browser: session.browser.unwrap_or_else(|| "A browser".to_owned()),
        signed_in: Time::of(session.signed_in_at, now),
        used: Time::of(session.used_at, now),
    });
    let sessions: Vec<SessionRow> = sessions.collect();
    let page = SessionsPage {
        page: signed_in.browser.page("Where you are signed in"),
        ended: match asked.ended.as_deref() {
            Some("one") => Some("That browser is signed out."),
            Some("others") => Some("All other browsers are signed out."),
            _ => None,
        },
        others: sessions.iter().any(|session| session.end.is_some()),
        sessions,
        issuer: signs_in_at(&broker, &signed_in.account).await?,
    };
    Ok(html(StatusCode::OK, &page))
}

#[derive(Deserialize)]
pub struct Chosen {
    session: String,
}

/// One that has ended already is as it should be.
pub async fn end(State(broker): State<Broker>, form: OwnForm<Chosen>) -> Result<Response, PageFailure> {
    let ending = Ending::One(TokenHash::stored(form.fields.session));
    sessions::end(&broker, &form.signed_in.account.id, &ending).await?;
    Ok(see_other("/account/sessions?ended=one"))
}

pub async fn end_others(
    State(broker): State<Broker>,
    form: OwnForm<Nothing>,
) -> Result<Response, PageFailure> {
    if let Some(here) = here(&form.signed_in) {
        sessions::end(&broker, &form.signed_in.account.id, &Ending::AllBut(here)).await?;
    }
    Ok(see_other("/account/sessions?ended=others"))
}

/// The session of the browser that asks.
fn here(signed_in: &SignedInBrowser) -> Option<TokenHash> {
    signed_in.browser.session.id().map(session::hash)
}
