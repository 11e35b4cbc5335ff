//! What backends ask by an API key: connections, their tokens, environments.

use serde_json::{Value, json};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::operation::{Operation, get, post, text};
use super::refusals::{Refusals, TOO_MANY, always, of_a_body};
use super::security::API_KEY;
use crate::connection::status::Cause;
use crate::dialect::v1::TokenDemand;
use crate::dialect::v1::connect_sessions::{Asked, ConnectSession};
use crate::dialect::v1::connections::told::{Connection, ConnectionPage, HandedOut};
use crate::dialect::v1::connections::{DEFAULT_LIMIT, LIMIT};
use crate::dialect::v1::environments::EnvironmentList;
use crate::dialect::v1::refusal::Refused;
use crate::dialect::v1::words;
use crate::error::Error;

const CONNECTIONS: &str = "Connections";
const ENVIRONMENTS: &str = "Environments";
/// The placeholder of a connection's id.
pub const ID: &str = "Et…";
const CONNECT_URL: &str =
    "https://attache.example.com/connect/content-writer?connection=EtKGKW0WEFAKTA56FSJ2MA";

pub fn operations() -> Vec<Operation> {
    vec![token(), connections(), connection(), environments(), connect_session()]
}

fn token() -> Operation {
    let issuer = || "The issuer".to_owned();
    let refused = [
        Error::InvalidRequest("The body must be a JSON object.".to_owned()),
        Error::ConnectionNotFound,
        Error::ReconnectRequired { cause: Cause::RevokedUpstream, connect_url: CONNECT_URL.to_owned() },
        Error::Frozen,
        Error::Damaged,
        Error::Misconfigured { issuer: issuer() },
        Error::UnusableToken { issuer: issuer(), retry_after: 60 },
        Error::IssuerUnavailable { issuer: issuer(), retry_after: 10 },
        Error::RestoredCopy { connect_url: CONNECT_URL.to_owned() },
    ];
    post("/v1/connections/{id}/token", "getAccessToken")
        .is(
            CONNECTIONS,
            "Hands out an access token of a connection that is valid now.",
            "It is refreshed first when that is needed, once, however many ask. When the issuer is down, a token that \
             still lives is given with its true life.",
        )
        .by(&[API_KEY])
        .in_path("id", "The connection.", ID)
        .may_take::<TokenDemand>("What the token must be like.", json!({ "min_ttl": 300 }))
        .answers::<HandedOut>(
            "The token, and its true life.",
            json!({
                "access_token": "eyJ…",
                "token_type": "Bearer",
                "expires_in": 3000,
                "scope": "content:write offline_access openid",
                "state": "active",
            }),
        )
        .refuses::<Refused>(of_backends().and_v1(&of_a_body()).and_v1(&refused))
}

fn connect_session() -> Operation {
    let refused = [
        Error::InvalidRequest("The body must be a JSON object.".to_owned()),
        Error::UserTokenRefused("its `jti` was used before; sign a new one".to_owned()),
        Error::PlatformNotFound,
        Error::AppNotFound,
        Error::PlatformKeysUnavailable { retry_after: 30 },
    ];
    post("/v1/connect-sessions", "createConnectSession")
        .is(
            "Platforms",
            "Makes a link for a user of the platform, by its signed word.",
            "The link is good once, for ten minutes. Who opens it is shown whom the platform says they are, and goes on only as \
             that person.",
        )
        .by(&[API_KEY])
        .takes::<Asked>(
            "Who it is, and perhaps what they are to connect.",
            json!({ "user_token": "eyJ…", "app": "content-writer" }),
        )
        .creates::<ConnectSession>(
            "The link.",
            json!({
                "object": "connect_session",
                "id": "cs_4Xn2kQ7pWv8s9dTfLm1b",
                "url": "https://attache.example.com/connect-sessions/kQ7pWv8s9dTfLm1b4Xn2kQ7pWv8s9dTfLm1b4Xn2kQ7",
                "expires_at": 1_800_000_600,
            }),
        )
        .refuses::<Refused>(of_backends().and_v1(&of_a_body()).and_v1(&refused))
}

fn connections() -> Operation {
    let refused = [
        Error::InvalidRequest("`limit` must be a whole number from 1 to 200.".to_owned()),
        Error::AppNotFound,
    ];
    get("/v1/connections", "listConnections")
        .is(
            CONNECTIONS,
            "Lists the connections of the apps that the caller is allowed.",
            "Those that have ended too, and never a token. The list goes by account, and nothing that happens meanwhile \
             moves a connection in it. No other parameter is taken, and none twice.",
        )
        .by(&[API_KEY])
        .in_query("app", text(), "Only this app's: its key.", "content-writer")
        .in_query("account", text(), "Only this person's: the account's id, or their subject at the sign-in issuer.", "ac_…")
        .in_query("state", words::states(), "Only those in this state.", "active")
        .in_query("limit", limit(), "How many on a page.", 100)
        .in_query("cursor", text(), "The `next_cursor` of the page before, with the same filters.", "YWNf…")
        .answers::<ConnectionPage>(
            "A page of them.",
            json!({ "connections": [example()], "next_cursor": "YWNf…" }),
        )
        .refuses::<Refused>(of_backends().and_v1(&refused))
}

fn limit() -> Object {
    let whole = ObjectBuilder::new().schema_type(Type::Integer).default(Some(json!(DEFAULT_LIMIT)));
    whole.minimum(Some(1)).maximum(Some(LIMIT)).build()
}

fn connection() -> Operation {
    let refused = [
        Error::InvalidRequest("A connection is asked for without parameters.".to_owned()),
        Error::ConnectionNotFound,
    ];
    let mut ended = example();
    ended["state"] = json!("revoking");
    ended["revoked_at"] = json!("2026-04-03T12:03:04Z");
    ended["revocation"] = json!({
        "stopped_at": "2026-04-03T12:03:04Z",
        "issuer": {
            "state": "waiting",
            "attempts": 2,
            "next_attempt_at": "2026-04-03T12:03:24Z",
            "problem": "the revocation endpoint answered with status 503",
        },
        "handed_out": { "tokens": 2, "expire_by": "2026-04-03T12:41:00Z" },
    });
    get("/v1/connections/{id}", "getConnection")
        .is(
            CONNECTIONS,
            "Tells the state of one connection.",
            "Of one that has ended it tells each step of its end. Not there and not the caller's are the same answer. No \
             parameter is taken.",
        )
        .by(&[API_KEY])
        .in_path("id", "The connection.", ID)
        .answers::<Connection>("The connection.", ended)
        .refuses::<Refused>(of_backends().and_v1(&refused))
}

fn example() -> Value {
    json!({
        "id": ID,
        "app": "content-writer",
        "account": { "id": "ac_…", "subject": "auth0|6650…" },
        "external_identity": { "issuer": "https://hygraph.eu.auth0.com/", "subject": "auth0|6650…" },
        "state": "active",
        "scope": "content:write offline_access openid",
        "requested_scope": "content:write offline_access openid",
        "connected_at": "2026-04-01T08:00:00Z",
        "last_used_at": "2026-04-02T09:30:00Z",
        "refreshed_at": "2026-04-02T09:30:00Z",
        "access_expires_at": "2026-04-02T10:30:00Z",
    })
}

fn environments() -> Operation {
    let reconnect = "The connection speaks for nobody now; its person must connect the app again.".to_owned();
    let refused = [
        Error::InvalidRequest("The only parameter is `connection`, and it stands once.".to_owned()),
        Error::ConnectionNotFound,
        Error::Conflict(reconnect),
        Error::Frozen,
        Error::Damaged,
        Error::RestoredCopy { connect_url: CONNECT_URL.to_owned() },
    ];
    get("/v1/environments", "listEnvironments")
        .is(
            ENVIRONMENTS,
            "Lists the environments that the caller's apps may reach, and what content tokens may do there.",
            "With `connection`, for that connection's person. No other parameter is taken.",
        )
        .by(&[API_KEY])
        .in_query("connection", text(), "A connection's id.", ID)
        .answers::<EnvironmentList>(
            "The environments.",
            json!({ "environments": [{
                "project": "cmaz8u024000b07w2o46szn1y",
                "environment": "master",
                "endpoints": { "content": "https://content.example.com/v2/cmaz8u024000b07w2o46szn1y/master" },
                "default_stage": "PUBLISHED",
                "strategy": "mint",
                "public": [],
                "apps": [{
                    "app": "content-writer",
                    "permissions": [{ "actions": ["read", "create"], "models": ["BlogPost"] }],
                    "token_lifetime": 300,
                }],
            }] }),
        )
        .refuses::<Refused>(of_backends().and_v1(&refused))
}

/// Who asks is judged first.
fn of_backends() -> Refusals {
    Refusals::v1(&[Error::NotAuthed, Error::InvalidAuth]).and_v1(&TOO_MANY).and_v1(&always())
}
