//! What a proxy asks before it lets a request through.

use axum::http::StatusCode;
use utoipa::openapi::response::ResponseBuilder;

use super::operation::{Operation, get, header};
use super::refusals::{Refusals, TOO_MANY, always};
use super::security::{CONTENT_TOKEN, RESOURCE_SERVER};
use crate::content::permission::scope::WRITE;
use crate::dialect::gate::{RESOURCE_SERVER_REFUSED, SENT_ON, TOLD, TOO_LONG, refusal};
use crate::dialect::v1::refusal::Refused;
use crate::dialect::v1::words;
use crate::error::Error;
use crate::resource_server::gate::Denied;

pub fn operations() -> Vec<Operation> {
    vec![authorize()]
}

fn authorize() -> Operation {
    let denied = [
        Denied::TokenRequired,
        Denied::InvalidToken,
        Denied::InsufficientScope(WRITE),
        Denied::MethodMissing,
        Denied::CrossOrigin,
        Denied::EnvironmentClosed,
        Denied::HandshakeFailed,
    ];
    let proxys = refusal(RESOURCE_SERVER_REFUSED, &Error::ResourceServerRefused.to_string());
    let (word, sentence) = TOO_LONG;
    let (handshake, page) = SENT_ON;
    let refusals = Refusals::gate(&denied)
        .and(StatusCode::FORBIDDEN, &refusal(word, sentence))
        .and(StatusCode::UNAUTHORIZED, &refusal(handshake, page))
        .and(StatusCode::FORBIDDEN, &proxys)
        .and_v1(&TOO_MANY)
        .and_v1(&always());
    get("/v1/authorize", "authorize")
        .is(
            "Gate",
            "Says whether a proxy may let a request through, and who it is.",
            "The proxy says the request in headers. Every method is answered. `GET` and `HEAD` only ask; another one counts \
             as what the client wants to do. Envoy puts the path behind ours: `/v1/authorize/…` is answered in the same way.",
        )
        .by(&[RESOURCE_SERVER, CONTENT_TOKEN])
        .by(&[RESOURCE_SERVER])
        .in_header("X-Forwarded-Method", "The method of the client's request. Or `X-Original-Method`.", "GET")
        .in_header("X-Forwarded-Uri", "Its path. Or `X-Original-URI`.", "/v2/project/master")
        .in_query(
            "handshake",
            words::words(["redirect"].into_iter()),
            "For a proxy that passes on what it is answered: a page whose session token is to be renewed is answered with a redirect. \
             Without it, that is a 401 with `Attache-Handshake`.",
            "redirect",
        )
        .responds(200, admitted())
        .responds(307, sent_on())
        .refuses::<Refused>(refusals)
}

/// Who is let through is told in headers alone.
fn admitted() -> ResponseBuilder {
    let response = ResponseBuilder::new()
        .description("Let it through. Each header is there, with `none` where there is nothing to say.");
    TOLD.iter().fold(response, |response, (name, what)| response.header(*name, header(what)))
}

/// A page that somebody opened.
fn sent_on() -> ResponseBuilder {
    ResponseBuilder::new()
        .description("Send the browser there first, with the cookies that go with it: its session token is to be renewed.")
        .header("Location", header("Where the browser is sent."))
}
