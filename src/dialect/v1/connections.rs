//! `GET /v1/connections` and `GET /v1/connections/{id}`: what a backend may know of connections. Never a token.

pub mod told;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use self::told::{Connection, ConnectionPage, Revocation};
use super::caller;
use super::named::Named;
use super::refusal::Refusal;
use crate::Broker;
use crate::access::read;
use crate::access::read::{Cursor, Filter};
use crate::connection::is_id;
use crate::error::Error;

/// Connections on a page, where the caller says nothing, and at most.
pub const DEFAULT_LIMIT: i64 = 50;
pub const LIMIT: i64 = 200;

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
) -> Result<Response, Refusal> {
    let caller = caller(&broker, &headers).await?;
    let ListQuery { filter, limit, after } = parse(query.as_deref().unwrap_or_default())?;
    // One more tells whether there are more.
    let mut found = read::list(&broker, &caller.id, &filter, after.as_ref(), limit + 1).await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > shown;
    found.truncate(shown);
    let next_cursor = found.last().filter(|_| more).map(|last| cursor(&Cursor::of(last)));
    let connections = found.iter().map(|readable| Connection::of(&broker, readable)).collect();
    Ok(Json(ConnectionPage { connections, next_cursor }).into_response())
}

pub async fn one(
    State(broker): State<Broker>,
    Named(id): Named,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = caller(&broker, &headers).await?;
    if query.is_some_and(|query| !query.is_empty()) {
        return Err(Error::InvalidRequest("A connection is asked for without parameters.".to_owned()).into());
    }
    let readable = read::one(&broker, &caller.id, &id).await?;
    let mut connection = Connection::of(&broker, &readable);
    connection.revocation = read::receipt(&broker, &readable).await?.map(Revocation::of);
    Ok(Json(connection).into_response())
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
