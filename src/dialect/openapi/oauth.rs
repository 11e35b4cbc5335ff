//! What the standard OAuth endpoints take: a content token in exchange or for a caller itself, introspection, revocation.

use serde_json::json;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::operation::{Operation, form, post, some_text, text};
use super::refusals::{Refusals, TOO_MANY, always, of_a_body};
use super::security::{CLIENT, RESOURCE_SERVER_CLIENT};
use crate::connection::status::Cause;
use crate::content::permission::scope;
use crate::dialect::oauth::introspect::Introspected;
use crate::dialect::oauth::token_request::{CLIENT_CREDENTIALS, TOKEN_EXCHANGE};
use crate::dialect::oauth::token_type::{self, CONNECTION};
use crate::dialect::oauth::{Given, OAuthRefused};
use crate::error::Error;

const TAG: &str = "OAuth";
const MISSING: &str = "`token` is missing.";

pub fn operations() -> Vec<Operation> {
    vec![token(), introspect(), revoke()]
}

fn token() -> Operation {
    let issuer = || "The issuer".to_owned();
    let connect_url =
        || "https://attache.example.com/connect/content-writer?connection=EtKGKW0WEFAKTA56FSJ2MA".to_owned();
    let refused = [
        Error::InvalidRequest("`grant_type` is missing.".to_owned()),
        Error::InvalidTarget,
        Error::InvalidScope("That scope is more than may be given here.".to_owned()),
        Error::InvalidAuthorizationDetails("authorization_details[0]: must be an object".to_owned()),
        Error::UnsupportedGrantType,
        Error::ReconnectRequired { cause: Cause::RevokedUpstream, connect_url: connect_url() },
        Error::UnusableToken { issuer: issuer(), retry_after: 60 },
        Error::PlatformUnavailable { retry_after: 10 },
    ];
    post("/oauth/token", "createContentToken")
        .is(
            TAG,
            "Gives a content token for one environment.",
            "In exchange for an access token or a connection (RFC 8693), or to a caller for itself (RFC 6749 section 4.4).",
        )
        .by(&[CLIENT])
        .by(&[])
        .takes_form(
            token_form(),
            "The grant. Id and secret may stand here in place of HTTP Basic.",
            json!({
                "grant_type": TOKEN_EXCHANGE,
                "subject_token": "Et…",
                "subject_token_type": CONNECTION,
                "audience": "cmaz8u024000b07w2o46szn1y/master",
                "scope": "content:read",
            }),
        )
        .answers::<Given>(
            "The content token.",
            json!({
                "access_token": "eyJ…",
                "token_type": "Bearer",
                "expires_in": 300,
                "scope": "content:read",
                "authorization_details": [{
                    "type": "content",
                    "locations": ["https://content.example.com/v2/cmaz8u024000b07w2o46szn1y/master"],
                    "actions": ["read"],
                }],
                "issued_token_type": "urn:ietf:params:oauth:token-type:jwt",
            }),
        )
        .refuses::<OAuthRefused>(of_clients(&refused))
}

fn token_form() -> Object {
    let one_of = |words: &[&str]| {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied())).build()
    };
    let ours = token_type::all();
    let subjects: Vec<&str> = ours.iter().copied().chain([CONNECTION]).collect();
    let members = [
        ("grant_type", one_of(&[TOKEN_EXCHANGE, CLIENT_CREDENTIALS]), "Which of both."),
        ("subject_token", text(), "An access token, or a connection's id."),
        ("subject_token_type", one_of(&subjects), "What it is."),
        ("subject_issuer", text(), "The issuer of an opaque access token."),
        ("actor_token", text(), "A content token of whom the client acts for."),
        ("actor_token_type", one_of(&ours), "What it is."),
        ("requested_token_type", one_of(&ours), "What is wanted."),
        ("audience", text(), "The environment, as `project/environment`."),
        ("resource", text(), "The environment, by its content API URL."),
        ("scope", text(), scope::ALL),
        ("authorization_details", text(), "Narrows what the token may do (RFC 9396): JSON."),
    ];
    form(&[members.as_slice(), &credentials()].concat(), &["grant_type"])
}

fn introspect() -> Operation {
    post("/oauth/introspect", "introspectToken")
        .is(
            TAG,
            "Says whether a content token is good now, and what it may do.",
            "RFC 7662. A resource server asks, about tokens of its own environment or of its pages' origin.",
        )
        .by(&[RESOURCE_SERVER_CLIENT])
        .by(&[])
        .takes_form(of_a_token(), "The token.", json!({ "token": "eyJ…" }))
        .answers::<Introspected>("What becomes of it.", json!({ "active": false }))
        .refuses::<OAuthRefused>(of_clients(&[Error::InvalidRequest(MISSING.to_owned())]))
}

fn revoke() -> Operation {
    let refused = [Error::InvalidRequest(MISSING.to_owned()), Error::UnsupportedTokenType];
    post("/oauth/revoke", "revokeToken")
        .is(
            TAG,
            "Revokes one content token.",
            "RFC 7009. By the caller that was given it, or by the resource server of its environment. The answer tells \
             nothing of the token.",
        )
        .by(&[CLIENT])
        .by(&[RESOURCE_SERVER_CLIENT])
        .by(&[])
        .takes_form(of_a_token(), "The token.", json!({ "token": "eyJ…" }))
        .responds(200, ResponseBuilder::new().description("It is not good any more, if it ever was. Nothing is in it."))
        .refuses::<OAuthRefused>(of_clients(&refused))
}

fn of_a_token() -> Object {
    let members = [
        ("token", some_text(), "The token."),
        ("token_type_hint", text(), "Changes nothing: there is one kind of token."),
    ];
    form(&[members.as_slice(), &credentials()].concat(), &["token"])
}

/// RFC 6749 section 2.3.1.
fn credentials() -> [(&'static str, Object, &'static str); 2] {
    [
        ("client_id", text(), "Where the client does not come by HTTP Basic."),
        ("client_secret", text(), "With `client_id`."),
    ]
}

fn of_clients(refused: &[Error]) -> Refusals {
    let mut all = vec![Error::InvalidClient];
    all.extend(of_a_body());
    all.extend(TOO_MANY);
    all.extend(always());
    Refusals::oauth(refused).and_oauth(&all)
}
