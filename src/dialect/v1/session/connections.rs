//! `/v1/session/connections`: what the signed-in person has connected, for a page of the platform, and the end of one of them.
//! Never a token.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::SessionBrowser;
use crate::Broker;
use crate::access::read::State as ConnectionState;
use crate::account::Account;
use crate::app::{self, App};
use crate::clock::Timestamp;
use crate::connection::look_up::{live_of_account, of_account};
use crate::connection::{Connection, is_id};
use crate::dialect::v1::named::Named;
use crate::dialect::v1::refusal::Refusal;
use crate::dialect::v1::words;
use crate::error::Error;
use crate::revoke::begin;
use crate::web::Browser;

/// More than a page shows; Connected apps has them all.
const MOST: usize = 200;

/// The live ones, the last used first.
pub async fn list(
    State(broker): State<Broker>,
    SessionBrowser(browser): SessionBrowser,
) -> Result<Response, Refusal> {
    let account = signed_in(&browser)?;
    let mut live = live_of_account(&broker, &account.id).await?;
    live.sort_by_key(|connection| Reverse(connection.last_used_at.unwrap_or(connection.connected_at)));
    live.truncate(MOST);
    let mut apps = BTreeMap::new();
    for connection in &live {
        if !apps.contains_key(&connection.app_id) {
            apps.insert(connection.app_id.clone(), app_of(&broker, connection).await?);
        }
    }
    let connections = live.iter().map(|connection| OwnConnection::of(connection, &apps[&connection.app_id]));
    Ok(Json(OwnConnections { connections: connections.collect() }).into_response())
}

/// One more revoke of the same one changes nothing.
pub async fn revoke(
    State(broker): State<Broker>,
    Named(id): Named,
    SessionBrowser(browser): SessionBrowser,
) -> Result<Response, Refusal> {
    let account = signed_in(&browser)?;
    if !is_id(&id) {
        return Err(Error::ConnectionNotFound.into());
    }
    let connection = of_account(&broker, &account.id, &id).await?;
    match begin::revoke(&broker, &connection, &account.id).await {
        Ok(_) | Err(Error::ConnectionNotFound) => {}
        Err(error) => return Err(error.into()),
    }
    let connection = of_account(&broker, &account.id, &id).await?;
    let app = app_of(&broker, &connection).await?;
    Ok(Json(StoppedConnection { connection: OwnConnection::of(&connection, &app) }).into_response())
}

fn signed_in(browser: &Browser) -> Result<&Account, Error> {
    browser.account.as_ref().ok_or(Error::SignedOut)
}

async fn app_of(broker: &Broker, connection: &Connection) -> Result<Arc<App>, Error> {
    app::by_id(broker, &connection.app_id).await?.ok_or(Error::AppNotFound)
}

/// What the person has connected, the last used first.
#[derive(Serialize, ToSchema)]
pub struct OwnConnections<'a> {
    connections: Vec<OwnConnection<'a>>,
}

/// It is stopped.
#[derive(Serialize, ToSchema)]
pub struct StoppedConnection<'a> {
    connection: OwnConnection<'a>,
}

/// An app that the person has connected.
#[derive(Serialize, ToSchema)]
struct OwnConnection<'a> {
    /// `Et…`
    id: &'a str,
    app: OwnApp<'a>,
    #[schema(schema_with = words::states)]
    state: &'static str,
    /// Seconds since 1970.
    connected_at: i64,
    /// Seconds since 1970; null where it was never used.
    #[schema(required = true)]
    last_used_at: Option<i64>,
}

/// An app, as people know it.
#[derive(Serialize, ToSchema)]
struct OwnApp<'a> {
    key: &'a str,
    name: &'a str,
}

impl<'a> OwnConnection<'a> {
    fn of(connection: &'a Connection, app: &'a App) -> Self {
        Self {
            id: &connection.id,
            app: OwnApp { key: &app.key, name: &app.name },
            state: ConnectionState::from(connection.status).word(),
            connected_at: connection.connected_at.unix(),
            last_used_at: connection.last_used_at.map(Timestamp::unix),
        }
    }
}
