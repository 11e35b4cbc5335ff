//! Third-party apps: each is one OAuth client at one issuer, registered by the operator.

pub mod add;
pub mod import;
pub mod logo;
pub mod pages;
pub mod registration;
pub mod remove;
pub mod revocation;
mod store;
pub mod sync;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::Broker;
use crate::db::write::Transaction;
use crate::error::Error;
use crate::issuer::identity::IdentityConfig;
use crate::issuer::profile::Pkce;
use crate::issuer::scope::Scopes;
use crate::issuer::{Client, ClientAuth, Issuer};
use crate::vault::{Place, Sealed, Verified, WrappedKey};

/// A third-party app as it is stored, with its issuer.
#[derive(Clone, Debug)]
pub struct App {
    pub id: String,
    pub key: String,
    pub name: String,
    pub description: String,
    pub has_logo: bool,
    pub kind: AppKind,
    pub home_page: Option<Url>,
    pub status: AppStatus,
    pub issuer: Issuer,
    pub client_id: String,
    pub client_auth: ClientAuth,
    pub client_secret: Option<Sealed>,
    pub data_key: WrappedKey,
    pub scopes: Scopes,
    pub scope_rule: ScopeRule,
    pub audience: Option<String>,
    pub authorization_url_extras: BTreeMap<String, String>,
    /// The app's own wish (a manifest's `use_pkce`); else the issuer's profile says.
    pub pkce: Option<Pkce>,
    pub identity_rule: IdentityRule,
    pub identity_config: Option<IdentityConfig>,
    pub accepted_audiences: Vec<String>,
    pub redirect_uris: Vec<Url>,
    pub source: Source,
}

/// What an app is, RFC 6749 section 2.1.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum AppKind {
    #[default]
    Web,
    Native,
    Spa,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum AppStatus {
    Pending,
    Approved,
    Rejected,
    Suspended,
}

impl AppStatus {
    /// Whether the app may be connected and used.
    #[must_use]
    pub const fn is_approved(self) -> bool {
        matches!(self, Self::Approved)
    }
}

/// Which identity at the issuer a person may connect with.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum IdentityRule {
    /// Only the one they are signed in with.
    Same,
    Any,
}

/// How granted scopes are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum ScopeRule {
    /// Ask for the union with what was granted before; take what is given.
    Union,
    /// Ask for exactly the app's, and take nothing less; more is fine (Slack manifests).
    Exact,
}

/// Who wrote a row, and so who may change it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::Display,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Source {
    Config,
    Cli,
}

impl App {
    /// The one redirect URI of this app at its issuer. RFC 9700 section 4.4.2.1.
    #[must_use]
    pub fn callback(&self, broker: &Broker) -> Url {
        broker.url(&callback_path(&self.key))
    }

    /// Whether authorization requests carry a code challenge.
    #[must_use]
    pub fn pkce(&self) -> Pkce {
        self.pkce.unwrap_or(self.issuer.profile.pkce)
    }

    /// Where the client secret lives.
    #[must_use]
    pub fn secret_place(id: &str, client_id: &str) -> Place {
        Place::new("apps", "client_secret", id, &[client_id])
    }
}

/// Whether a link to this address leads to a page and nowhere else: `javascript:` would run in ours.
#[must_use]
pub fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "https" | "http") && url.host().is_some()
}

/// The path of an app's one redirect URI.
fn callback_path(key: &str) -> String {
    format!("/connect/{key}/callback")
}

/// # Errors
/// When the database does not answer.
pub async fn by_id(broker: &Broker, id: &str) -> Result<Option<Arc<App>>, sqlx::Error> {
    match held(broker).await? {
        Some(apps) => Ok(apps.0.get(id).cloned()),
        None => Ok(store::by_id(&broker.db, id).await?.map(Arc::new)),
    }
}

/// Every app, by its id.
#[derive(Debug)]
pub struct Apps(HashMap<String, Arc<App>>);

/// Those that are held in memory; None where nothing is.
async fn held(broker: &Broker) -> Result<Option<Arc<Apps>>, sqlx::Error> {
    let load = async || {
        let all = store::all(&broker.db).await?.into_iter();
        Ok(Apps(all.map(|app| (app.id.clone(), Arc::new(app))).collect()))
    };
    broker.held.apps.held(&broker.db, load).await
}

/// Apps or issuers are changed in this transaction.
fn changed(broker: &Broker, transaction: &mut Transaction) {
    let broker = broker.clone();
    transaction.after_commit(move || broker.held.apps.forget());
}

/// None also for a text that cannot be a key; PostgreSQL refuses some of those.
///
/// # Errors
/// When the database does not answer.
pub async fn by_key(broker: &Broker, key: &str) -> Result<Option<App>, sqlx::Error> {
    if !is_key(key) {
        return Ok(None);
    }
    store::by_key(&broker.db, key).await
}

/// Writes an issuer; false when one of the same key has another source.
pub(crate) async fn put_issuer(
    broker: &Broker,
    issuer: &Issuer,
    source: Source,
) -> Result<bool, sqlx::Error> {
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    let put = store::put_issuer(&mut transaction, issuer, source, broker.clock.now()).await?;
    transaction.commit().await?;
    Ok(put)
}

async fn suspend(broker: &Broker, id: &str) -> Result<(), sqlx::Error> {
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    store::set_status(&mut transaction, id, AppStatus::Suspended, broker.clock.now()).await?;
    transaction.commit().await
}

/// The apps with this client id at issuers of this identifier.
///
/// # Errors
/// When the database does not answer.
pub async fn by_client(
    broker: &Broker,
    identifier: &str,
    client_id: &str,
) -> Result<Vec<Arc<App>>, sqlx::Error> {
    let Some(apps) = held(broker).await? else {
        let found = store::by_client(&broker.db, identifier, client_id).await?;
        return Ok(found.into_iter().map(Arc::new).collect());
    };
    let is_it = |app: &&Arc<App>| app.issuer.identifier() == Some(identifier) && app.client_id == client_id;
    Ok(apps.0.values().filter(is_it).cloned().collect())
}

/// # Errors
/// When the database does not answer.
pub async fn all(broker: &Broker) -> Result<Vec<App>, sqlx::Error> {
    store::all(&broker.db).await
}

/// The ids and provider keys of the apps of one Slack app.
///
/// # Errors
/// When the database does not answer.
pub async fn of_slack_app(broker: &Broker, slack_app_id: &str) -> Result<Vec<(String, String)>, sqlx::Error> {
    store::of_slack_app(&broker.db, slack_app_id).await
}

/// # Errors
/// When the database does not answer.
pub async fn issuer_by_key(broker: &Broker, key: &str) -> Result<Option<Issuer>, sqlx::Error> {
    store::issuer_by_key(&broker.db, key).await
}

/// # Errors
/// When the database does not answer.
pub async fn issuers(broker: &Broker) -> Result<Vec<Issuer>, sqlx::Error> {
    store::issuers(&broker.db).await
}

/// The OAuth client of an app, its secret opened.
///
/// # Errors
/// When the secret does not open.
pub fn client(broker: &Broker, app: &App) -> Result<Client, Error> {
    let secret = match &app.client_secret {
        None => None,
        Some(sealed) => {
            let place = App::secret_place(&app.id, &app.client_id);
            let key = broker.vault.data_key(&app.data_key)?;
            Some(broker.vault.open(("apps", "client_secret", &app.id), &key, &place, sealed)?)
        }
    };
    Ok(Client { id: app.client_id.clone(), secret, auth: app.client_auth })
}

/// Tries the client secrets of `limit` apps behind `after`, by id; hands out none.
///
/// # Errors
/// When the database does not answer.
pub async fn verify(broker: &Broker, after: &str, limit: i64) -> Result<Verified, Error> {
    let rows = store::secrets(&broker.db, after, limit).await?;
    let mut verified = Verified::of_page(rows.len(), limit, rows.last().map(|row| row.id.clone()));
    for row in rows {
        let Some(sealed) = &row.sealed else { continue };
        let place = App::secret_place(&row.id, &row.client_id);
        let opened = broker.vault.unwrap(&row.data_key).and_then(|key| key.open(&place, sealed).map(drop));
        verified.value(("apps", "client_secret", &row.id), opened);
    }
    Ok(verified)
}

/// Whether a text can be an app's key, which stands in paths.
#[must_use]
pub fn is_key(text: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.len() <= 64 && text.bytes().all(allowed)
}

/// Whether a person may be sent there: https, http on loopback, or a native app's own scheme. RFC 8252, RFC 9700.
#[must_use]
pub fn is_redirect_uri(uri: &Url) -> bool {
    if uri.fragment().is_some() {
        return false;
    }
    match uri.scheme() {
        "https" => uri.host().is_some(),
        "http" => is_loopback(uri),
        // RFC 8252 section 7.1: a private-use scheme is a reversed domain name, which keeps out javascript: and data:.
        scheme => scheme.contains('.'),
    }
}

#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
