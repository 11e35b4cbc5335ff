//! Finds apps and issuers: in memory where this process is alone with its database, else by a statement. Changes nothing.

use std::collections::HashMap;
use std::sync::Arc;

use super::row::App;
use super::rules::is_key;
use super::store;
use crate::Broker;
use crate::db;
use crate::issuer::Issuer;

/// # Errors
/// When the database does not answer.
pub async fn by_id(broker: &Broker, id: &str) -> Result<Option<Arc<App>>, db::Error> {
    match held(broker).await? {
        Some(apps) => Ok(apps.0.get(id).cloned()),
        None => Ok(store::by_id(&broker.db, id).await?.map(Arc::new)),
    }
}

/// Every app, by its id.
#[derive(Debug)]
pub struct Apps(HashMap<String, Arc<App>>);

/// Those that are held in memory; None where nothing is.
async fn held(broker: &Broker) -> Result<Option<Arc<Apps>>, db::Error> {
    let load = async || {
        let all = store::all(&broker.db).await?.into_iter();
        Ok(Apps(all.map(|app| (app.id.clone(), Arc::new(app))).collect()))
    };
    broker.held.apps.held(&broker.db, load).await
}

/// None also for a text that cannot be a key; PostgreSQL refuses some of those.
///
/// # Errors
/// When the database does not answer.
pub async fn by_key(broker: &Broker, key: &str) -> Result<Option<App>, db::Error> {
    if !is_key(key) {
        return Ok(None);
    }
    store::by_key(&broker.db, key).await
}

/// The apps with this client id at issuers of this identifier.
///
/// # Errors
/// When the database does not answer.
pub async fn by_client(
    broker: &Broker,
    identifier: &str,
    client_id: &str,
) -> Result<Vec<Arc<App>>, db::Error> {
    let Some(apps) = held(broker).await? else {
        let found = store::by_client(&broker.db, identifier, client_id).await?;
        return Ok(found.into_iter().map(Arc::new).collect());
    };
    let is_it = |app: &&Arc<App>| app.issuer.identifier() == Some(identifier) && app.client_id == client_id;
    Ok(apps.0.values().filter(is_it).cloned().collect())
}

/// # Errors
/// When the database does not answer.
pub async fn all(broker: &Broker) -> Result<Vec<App>, db::Error> {
    store::all(&broker.db).await
}

/// The ids and provider keys of the apps of one Slack app.
///
/// # Errors
/// When the database does not answer.
pub async fn of_slack_app(broker: &Broker, slack_app_id: &str) -> Result<Vec<(String, String)>, db::Error> {
    store::of_slack_app(&broker.db, slack_app_id).await
}

/// # Errors
/// When the database does not answer.
pub async fn issuer_by_key(broker: &Broker, key: &str) -> Result<Option<Issuer>, db::Error> {
    store::issuer_by_key(&broker.db, key).await
}

/// # Errors
/// When the database does not answer.
pub async fn issuers(broker: &Broker) -> Result<Vec<Issuer>, db::Error> {
    store::issuers(&broker.db).await
}
