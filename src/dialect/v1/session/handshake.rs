//! `GET /v1/session/handshake`: the backend of a platform's page sends a browser here whose token ran out, and gets it back at
//! the same address with a new one. A navigation, so it is judged by where it leads and not by where it comes from.
//!
//! `nonce` comes back inside the token. Who sent the browser here has kept it in a cookie, so nobody is signed in there by a
//! link that somebody else made.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::here;
use crate::Broker;
use crate::error::Error;
use crate::issuer::address;
use crate::resource_server::handshake::{RETURNED, SIGNED_OUT};
use crate::session_token::{Asked, mint};
use crate::web::failure::PageFailure;
use crate::web::forms::PageQuery;
use crate::web::{Browser, see_other};

pub const LONGEST_NONCE: usize = 128;
/// What it is made of, for the document.
pub const NONCE: &str = "^[A-Za-z0-9_-]+$";

#[derive(Deserialize)]
pub struct Handshake {
    return_to: String,
    nonce: String,
}

pub async fn handshake(
    State(broker): State<Broker>,
    browser: Browser,
    PageQuery(asked): PageQuery<Handshake>,
) -> Result<Response, PageFailure> {
    let refuse = |sentence: &str| Error::InvalidRequest(sentence.to_owned());
    let page = broker.config.session_tokens.page(&asked.return_to).ok_or_else(|| {
        refuse("The address to return to is no page of an origin in `session_tokens.allowed_origins`.")
    })?;
    let is_nonce = (1..=LONGEST_NONCE).contains(&asked.nonce.len())
        && asked.nonce.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !is_nonce {
        return Err(refuse("`nonce` must be 1 to 128 letters, digits, `-` and `_`.").into());
    }
    let (Some(account), Some((session, session_ends))) = (&browser.account, here(&browser)) else {
        return Ok(see_other(address::with(&page, &[(RETURNED, SIGNED_OUT)]).as_str()));
    };
    broker.limits.admit_session_token(session.as_str())?;
    let origin = page.origin().ascii_serialization();
    let asked_for = Asked { account, session: &session, session_ends, origin: &origin };
    let minted = mint::of_handshake(&broker, &asked_for, &asked.nonce)?;
    Ok(see_other(address::with(&page, &[(RETURNED, minted.jwt.expose())]).as_str()))
}
