//! `GET /v1/connections` and `GET /v1/connections/{id}`: what a backend may know of connections. Never a token.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::caller;
use super::refusal::Refusal;
use crate::Broker;
use crate::access::read;
use crate::access::read::{Cursor, Filter, Readable};
use crate::account::platform;
use crate::clock::Timestamp;
use crate::connection::is_id;
use crate::connection::status::Status;
use crate::error::Error;
use crate::revoke::receipt::{AtIssuer, Receipt};

/// Connections on a page, where the caller says nothing, and at most.
const DEFAULT_LIMIT: i64 = 50;
const LIMIT: i64 = 200;

/// What a list is asked for.
struct ListQuery {
    filter: Filter,
    limit: i64,
    after: Option<Cursor>,
}

pub async fn list(
    State(broker): State<Broker>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = caller(&broker, &headers).await?;
    let ListQuery { filter, limit, after } = parse(query.as_deref().unwrap_or_default())?;
    // One more tells whether there are more.
    let mut found = read::list(&broker, &caller.id, &filter, after.as_ref(), limit + 1).await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > shown;
    found.truncate(shown);
    let items: Vec<Value> = found.iter().map(|readable| item(&broker, readable)).collect();
    let mut body = json!({ "connections": items });
    if let Some(last) = found.last().filter(|_| more) {
        body["next_cursor"] = json!(cursor(&Cursor::of(last)));
    }
    Ok(Json(body))
}

pub async fn one(
    State(broker): State<Broker>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = caller(&broker, &headers).await?;
    if query.is_some_and(|query| !query.is_empty()) {
        return Err(Error::InvalidRequest("A connection is asked for without parameters.".to_owned()).into());
    }
    let readable = read::one(&broker, &caller.id, &id).await?;
    let mut item = item(&broker, &readable);
    if let Some(receipt) = read::receipt(&broker, &readable).await? {
        item["revocation"] = revocation(&receipt);
    }
    Ok(Json(item))
}

fn parse(query: &str) -> Result<ListQuery, Error> {
    let refuse = |sentence: &str| Err(Error::InvalidRequest(sentence.to_owned()));
    let mut asked = ListQuery { filter: Filter::default(), limit: DEFAULT_LIMIT, after: None };
    let mut seen = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if seen.contains(&name) {
            return refuse("A parameter stands twice.");
        }
        match name.as_ref() {
            "app" => asked.filter.app = Some(value.into_owned()),
            "account" => asked.filter.account = Some(value.into_owned()),
            "state" => match value.parse() {
                Ok(state) => asked.filter.state = Some(state),
                Err(_) => {
                    return refuse(
                        "`state` must be `active`, `in_doubt`, `backoff`, `misconfigured`, `needs_reconnect`, \
                         `revoking` or `revoked`.",
                    );
                }
            },
            "limit" => match value.parse() {
                Ok(limit) if (1..=LIMIT).contains(&limit) => asked.limit = limit,
                _ => return refuse("`limit` must be a whole number from 1 to 200."),
            },
            "cursor" => match read_cursor(&value) {
                Some(cursor) => asked.after = Some(cursor),
                None => return refuse("`cursor` must be the `next_cursor` of a page, as it was given."),
            },
            _ => {
                return refuse(
                    "There is a parameter that is not known; there are `app`, `account`, `state`, `limit` and \
                     `cursor`.",
                );
            }
        }
        seen.push(name);
    }
    Ok(asked)
}

/// Ids hold no dot.
fn cursor(cursor: &Cursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}.{}", cursor.account_id, cursor.id))
}

fn read_cursor(cursor: &str) -> Option<Cursor> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (account_id, id) = text.split_once('.')?;
    (crate::account::is_id(account_id) && is_id(id))
        .then(|| Cursor { account_id: account_id.to_owned(), id: id.to_owned() })
}

/// Each step of a revoke. What is not known is not there.
fn revocation(receipt: &Receipt) -> Value {
    let rfc3339 = |at: Timestamp| at.rfc3339();
    let issuer = match &receipt.issuer {
        AtIssuer::Confirmed(at) => json!({ "state": "confirmed", "confirmed_at": rfc3339(*at) }),
        AtIssuer::Unsupported => json!({ "state": "unsupported" }),
        AtIssuer::Withheld => json!({ "state": "withheld" }),
        AtIssuer::Unconfirmed => json!({ "state": "unconfirmed" }),
        AtIssuer::Waiting(None) => json!({ "state": "waiting" }),
        AtIssuer::Waiting(Some(task)) => {
            let mut waiting = json!({ "state": "waiting", "attempts": task.attempts });
            if let Some(problem) = &task.last_error {
                waiting["next_attempt_at"] = json!(rfc3339(task.next_at));
                waiting["problem"] = json!(problem);
            }
            waiting
        }
    };
    let mut out = json!({ "tokens": receipt.out.tokens });
    if let Some(until) = receipt.out.until {
        out["expire_by"] = json!(rfc3339(Timestamp::from_unix(until)));
    }
    json!({ "stopped_at": rfc3339(receipt.stopped_at), "issuer": issuer, "handed_out": out })
}

/// What is not known is not there.
fn item(broker: &Broker, readable: &Readable) -> Value {
    let external = &readable.external;
    let mut identity = json!({ "issuer": external.issuer });
    if !external.subject.is_empty() {
        identity["subject"] = json!(external.subject);
    }
    let mut item = Map::new();
    let mut put = |name: &str, value: Value| item.insert(name.to_owned(), value);
    put("id", json!(readable.id));
    put("app", json!(readable.app_key));
    let (account_id, subject) = (&readable.account_id, &readable.account_subject);
    // Not by one name: who looks for a person of the sign-in issuer finds none of a platform.
    let account = match platform::key_of(&readable.account_issuer) {
        Some(platform) => json!({ "id": account_id, "platform": platform, "external_id": subject }),
        None => json!({ "id": account_id, "subject": subject }),
    };
    put("account", account);
    put("external_identity", identity);
    put("state", json!(read::State::from(readable.status).word()));
    if let Some(cause) = readable.cause {
        put("cause", json!(<&str>::from(cause)));
    }
    if readable.status == Status::NeedsReconnect {
        let path = format!("/connect/{}?connection={}", readable.app_key, readable.id);
        put("connect_url", json!(broker.url(&path)));
    }
    if readable.direct {
        put("direct", json!(true));
    }
    if readable.paused && readable.status.is_live() {
        put("paused", json!(true));
    }
    put("scope", json!(readable.granted_scopes.to_string()));
    put("requested_scope", json!(readable.requested_scopes.to_string()));
    let times = [
        ("connected_at", Some(readable.connected_at)),
        ("last_used_at", readable.last_used_at),
        ("refreshed_at", readable.refreshed_at),
        ("access_expires_at", readable.access_expires_at),
        ("consent_expires_at", readable.consent_expires_at),
        ("revoked_at", readable.revoked_at),
        ("revoked_upstream_at", readable.revoked_upstream_at),
    ];
    for (name, at) in times {
        if let Some(at) = at {
            put(name, json!(at.rfc3339()));
        }
    }
    Value::Object(item)
}
