//! The pages of signing in and out, and of leaving for good.

mod delete;
mod sessions;
mod sign_in;
mod sign_out;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::sign_out::SignedOut;
use crate::Broker;
use crate::web::cookies::{Cookies, OwnCookie};
use crate::web::failure::PageFailure;
use crate::web::forms::PageQuery;
use crate::web::view::Page;
use crate::web::{Browser, html, see_other};

pub fn router() -> Router<Broker> {
    Router::new()
        .route("/", get(front))
        .route("/sign-in", get(sign_in::start))
        .route("/sign-in/callback", get(sign_in::callback))
        .route("/sign-out", post(sign_out::leave))
        .route("/account/sessions", get(sessions::show))
        .route("/account/sessions/end", post(sessions::end))
        .route("/account/sessions/end-others", post(sessions::end_others))
        .route("/account/delete", post(delete::remove))
        .route("/account/deleted", get(delete::deleted))
}

/// What this place is, and the way in.
#[derive(Debug, Template)]
#[template(path = "home.html")]
struct FrontPage {
    page: Page,
    /// Name of the issuer people sign in at.
    sign_in_at: String,
    /// Somebody signed out here, and the issuer has not said that it knows.
    signed_out: bool,
    /// Where the way in begins.
    sign_in: String,
}

/// What an issuer gives back after a sign-out.
#[derive(Deserialize)]
struct Returned {
    state: Option<String>,
}

async fn front(
    State(broker): State<Broker>,
    browser: Browser,
    cookies: Cookies,
    PageQuery(returned): PageQuery<Returned>,
) -> Result<Response, PageFailure> {
    let signed_out = cookies.open(OwnCookie::SignedOut).and_then(|kept| SignedOut::read(&kept));
    let signed_out = signed_out.filter(|_| browser.account.is_none());
    let path = signed_out.as_ref().and_then(|signed_out| signed_out.return_to.clone());
    if let (Some(signed_out), Some(state)) = (&signed_out, &returned.state)
        && signed_out.is_confirmed_by(state)
    {
        let mut answer = see_other(&path.map_or_else(|| "/".to_owned(), |path| sign_in::as_another(&path)));
        cookies.forget(&mut answer, OwnCookie::SignedOut);
        return Ok(answer);
    }
    let issuer = super::our_client::issuer(&broker).await?;
    let page = FrontPage {
        page: browser.page(""),
        sign_in_at: issuer.name,
        signed_out: signed_out.is_some(),
        sign_in: path.map_or_else(|| "/sign-in".to_owned(), |path| sign_in::as_another(&path)),
    };
    Ok(html(StatusCode::OK, &page))
}
