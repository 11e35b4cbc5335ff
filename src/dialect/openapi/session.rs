//! What pages of the platform ask, by the cookie of whoever is signed in in their browser.

use serde_json::json;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::backends::ID;
use super::operation::{Operation, delete, get, header, post, text};
use super::refusals::{Refusals, TOO_MANY, always, of_a_body};
use super::security::SESSION;
use crate::dialect::v1::refusal::Refused;
use crate::dialect::v1::session::connections::{OwnConnections, StoppedConnection};
use crate::dialect::v1::session::handshake::{LONGEST_NONCE, NONCE};
use crate::dialect::v1::session::origin::FROM_PAGES;
use crate::dialect::v1::session::tokens::{NothingAsked, SessionToken, Wanted};
use crate::dialect::v1::session::{SignedOutHere, WhoIsSignedIn};
use crate::error::Error;

const TAG: &str = "Session";
const ORIGIN: &str = "https://app.example.com";

pub fn operations() -> Vec<Operation> {
    vec![show(), end(), token(), token_of_template(), connections(), revoke(), handshake()]
}

fn show() -> Operation {
    from_a_page(get("/v1/session", "getSession"))
        .is(TAG, "Tells who is signed in in this browser.", "Both members are null where nobody is.")
        .by(&[SESSION])
        .by(&[])
        .answers::<WhoIsSignedIn>(
            "Who it is.",
            json!({
                "session": { "id": "se_…", "expires_at": 1_800_043_200 },
                "user": { "id": "ac_…", "name": "Ada Lovelace", "email": "ada@example.com", "picture": null },
            }),
        )
        .refuses::<Refused>(of_pages())
}

fn end() -> Operation {
    from_a_page(delete("/v1/session", "endSession"))
        .is(
            TAG,
            "Signs the person out.",
            "Here first. Where there is a URL, the page goes there next, so that the issuer's own session ends as well.",
        )
        .by(&[SESSION])
        .by(&[])
        .answers::<SignedOutHere>(
            "The person is signed out here.",
            json!({ "sign_out_url": "https://issuer.example.com/logout?client_id=attache" }),
        )
        .refuses::<Refused>(of_pages())
}

fn token() -> Operation {
    gives_a_token(post("/v1/session/tokens", "createSessionToken"))
        .is(
            TAG,
            "Gives a short-lived token of whoever is signed in, for the page that asks.",
            "It says who that is (`sub`), in which session (`sid`), and which page asked (`azp`).",
        )
        .may_take::<Wanted>(
            "Nothing, or for which content API. Then it is a content token, for the person themself.",
            json!({}),
        )
        .refuses::<Refused>(of_tokens(&[Error::InvalidTarget, Error::Frozen]))
}

fn token_of_template() -> Operation {
    let refused = [
        Error::TemplateNotFound,
        Error::TemplateRefused("The template makes no claims for this person.".to_owned()),
    ];
    gives_a_token(post("/v1/session/tokens/{template}", "createTemplateToken"))
        .is(
            TAG,
            "Gives a token with the claims of a template.",
            "The template says its life, audience and algorithm too. It has no `sid`, because it may outlive the session.",
        )
        .in_path("template", "The template's name.", "hasura")
        .may_take::<NothingAsked>("Nothing can be asked of it.", json!({}))
        .refuses::<Refused>(of_tokens(&refused))
}

fn gives_a_token(operation: Operation) -> Operation {
    from_a_page(operation).by(&[SESSION]).answers::<SessionToken>(
        "The token, and its life.",
        json!({ "object": "token", "jwt": "eyJ…", "expires_in": 60 }),
    )
}

fn of_tokens(more: &[Error]) -> Refusals {
    let refused = [
        Error::InvalidRequest(
            "The body must be empty, or a JSON object with `resource` at the most.".to_owned(),
        ),
        Error::SignedOut,
        Error::KeyToCome { algorithm: "EdDSA", retry_after: 300 },
    ];
    of_pages().and_v1(&of_a_body()).and_v1(&refused).and_v1(&TOO_MANY).and_v1(more)
}

fn connections() -> Operation {
    from_a_page(get("/v1/session/connections", "listOwnConnections"))
        .is(TAG, "Lists the apps that the person has connected.", "The live ones, 200 at the most.")
        .by(&[SESSION])
        .answers::<OwnConnections>("The last used first.", json!({ "connections": [own("active")] }))
        .refuses::<Refused>(of_pages().and_v1(&[Error::SignedOut, Error::AppNotFound]))
}

fn revoke() -> Operation {
    from_a_page(post("/v1/session/connections/{id}/revoke", "revokeOwnConnection"))
        .is(
            TAG,
            "Stops a connection of the person, at once and for good.",
            "The issuer is told afterwards. To do it again changes nothing.",
        )
        .by(&[SESSION])
        .in_path("id", "The connection.", ID)
        .answers::<StoppedConnection>("It is stopped.", json!({ "connection": own("revoking") }))
        .refuses::<Refused>(of_pages().and_v1(&[
            Error::SignedOut,
            Error::ConnectionNotFound,
            Error::AppNotFound,
        ]))
}

fn own(state: &str) -> serde_json::Value {
    json!({
        "id": ID,
        "app": { "key": "content-writer", "name": "Content Writer" },
        "state": state,
        "connected_at": 1_800_000_000,
        "last_used_at": null,
    })
}

fn handshake() -> Operation {
    let moved = ResponseBuilder::new()
        .description("Back to the page, with a session token or `signed_out` as `__attache_handshake`.")
        .header("Location", header("The address of the page."));
    let refused = [
        Error::InvalidRequest("The address to return to is no page of a listed origin.".to_owned()),
        Error::KeyToCome { algorithm: "EdDSA", retry_after: 300 },
    ];
    get("/v1/session/handshake", "handshake")
        .is(
            TAG,
            "Sends the browser back to a page with a new token.",
            "For a backend that is asked for a page with a token that ran out. It is a navigation, so a refusal is a page.",
        )
        .by(&[SESSION])
        .by(&[])
        .needs_in_query("return_to", text(), "The page of a listed origin.", "https://app.example.com/account")
        .needs_in_query("nonce", nonce(), "Comes back in the token. The backend keeps it in a cookie.", "a1b2c3")
        .responds(303, moved)
        .refuses::<Refused>(Refusals::v1(&refused).and_v1(&TOO_MANY).and_v1(&always()).by_page_too())
}

fn nonce() -> Object {
    let nonce = ObjectBuilder::new().schema_type(Type::String).pattern(Some(NONCE));
    nonce.min_length(Some(1)).max_length(Some(LONGEST_NONCE)).build()
}

/// Browsers write it, and no page can.
fn from_a_page(operation: Operation) -> Operation {
    let said = "Of the page that asks; a listed origin, or Attaché's own. Browsers write it. From Attaché's own origin \
                `Sec-Fetch-Site: same-origin` does as well.";
    operation.in_header("Origin", said, ORIGIN)
}

fn of_pages() -> Refusals {
    Refusals::v1(&[Error::OriginNotAllowed(FROM_PAGES)]).and_v1(&always())
}
