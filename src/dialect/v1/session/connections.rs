//! `/v1/session/connections`: what the signed-in person has connected, for a page of the platform, and the end of one of them.
//! Never a token.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::SessionBrowser;
use crate::Broker;
use crate::access::read::State as ConnectionState;
use crate::account::Account;
use crate::app;
use crate::clock::Timestamp;
use crate::connection::look_up::{live_of_account, of_account};
use crate::connection::{Connection, is_id};
use crate::dialect::v1::refusal::Refusal;
use crate::error::Error;
use crate::revoke::begin;
use crate::web::Browser;

/// More than a page shows; Connected apps has them all.
const MOST: usize = 200;

/// The live ones, the last used first.
pub async fn list(
    State(broker): State<Broker>,
    SessionBrowser(browser): SessionBrowser,
) -> Result<Json<Value>, Refusal> {
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
    let items = live.iter().map(|connection| item(connection, &apps[&connection.app_id]));
    Ok(Json(json!({ "connections": items.collect::<Vec<_>>() })))
}

/// One more revoke of the same one changes nothing.
pub async fn revoke(
    State(broker): State<Broker>,
    Path(id): Path<String>,
    SessionBrowser(browser): SessionBrowser,
) -> Result<Json<Value>, Refusal> {
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
    Ok(Json(json!({ "connection": item(&connection, &app) })))
}

fn signed_in(browser: &Browser) -> Result<&Account, Error> {
    browser.account.as_ref().ok_or(Error::SignedOut)
}

async fn app_of(broker: &Broker, connection: &Connection) -> Result<Value, Error> {
    let app = app::by_id(broker, &connection.app_id).await?.ok_or(Error::AppNotFound)?;
    Ok(json!({ "key": app.key, "name": app.name }))
}

fn item(connection: &Connection, app: &Value) -> Value {
    json!({
        "id": connection.id,
        "app": app,
        "state": ConnectionState::from(connection.status).word(),
        "connected_at": connection.connected_at.unix(),
        "last_used_at": connection.last_used_at.map(Timestamp::unix),
    })
}
