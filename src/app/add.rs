//! Registers an app, or overwrites one of the same source.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;

use super::change::changed;
use super::logo::Logo;
use super::rules::{is_key, is_redirect_uri, is_web};
use super::store::{self, Provenance};
use super::{App, AppKind, AppStatus, IdentityRule, ScopeRule, Source};
use crate::Broker;
use crate::connection::allowed::Access;
use crate::content::permission::Permissions;
use crate::db;
use crate::error::Error;
use crate::issuer::authorize::RESERVED_PARAMETERS;
use crate::issuer::identity::IdentityConfig;
use crate::issuer::profile::Pkce;
use crate::issuer::scope::Scopes;
use crate::issuer::{ClientAuth, Issuer};
use crate::secret::{Token, random_id};
use crate::vault::Purpose;

/// What an operator says of an app, whichever way they say it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewApp {
    pub key: String,
    pub name: String,
    pub description: String,
    pub logo: Option<Logo>,
    pub kind: AppKind,
    pub home_page: Option<Url>,
    /// The key of an issuer that is known.
    pub issuer: String,
    pub client_id: String,
    /// Travels through the operator's socket (mode 0600) only.
    #[serde(with = "crate::secret::exposed_option")]
    pub client_secret: Option<Token>,
    pub client_auth: Option<ClientAuth>,
    pub scopes: Vec<String>,
    pub exact_scopes: bool,
    pub audience: Option<String>,
    pub authorization_url_extras: BTreeMap<String, String>,
    pub pkce: Option<Pkce>,
    pub identity: Option<IdentityRule>,
    pub identity_config: Option<IdentityConfig>,
    pub accepted_audiences: Vec<String>,
    pub redirect_uris: Vec<Url>,
    pub egress: Vec<String>,
    pub slack_app_id: Option<String>,
    pub provider_key: Option<String>,
    pub permissions: Option<Permissions>,
    pub direct: Option<Access>,
}

/// Registers the app as approved; the operator who adds it has approved it.
///
/// # Errors
/// [`Error::InvalidRequest`] naming what is wrong; [`Error::Conflict`] when the key or the client is another's.
pub async fn add(broker: &Broker, new: NewApp, source: Source) -> Result<App, Error> {
    judge(&new)?;
    let issuer = store::issuer_by_key(&broker.db, &new.issuer).await?;
    let issuer =
        issuer.ok_or_else(|| Error::InvalidRequest(format!("There is no issuer `{}`.", new.issuer)))?;
    let scopes = Scopes::lenient(&new.scopes.join(" "));
    if let Some(sentence) = issuer.profile.refuses(&scopes, &new.authorization_url_extras) {
        return Err(Error::InvalidRequest(sentence));
    }
    if new.identity == Some(IdentityRule::Same) && !broker.config.signs_in_at(&issuer.external_name()) {
        let sentence = "identity `same` needs the issuer where people sign in; use `any`.";
        return Err(Error::InvalidRequest(sentence.to_owned()));
    }
    if new.direct.is_some() && !broker.config.signs_in_at(&issuer.external_name()) {
        let sentence =
            "`direct` needs the issuer where people sign in: only its tokens say whose account is meant.";
        return Err(Error::InvalidRequest(sentence.to_owned()));
    }
    let mut existing = store::by_key(&broker.db, &new.key).await?;
    if existing.is_none() && source == Source::Config {
        // The same client under another key in the file: renamed, not another app.
        existing = of_client(broker, &issuer, &new.client_id).await?.into_iter().next();
    }
    let own = existing.as_ref().map(|existing| existing.id.as_str());
    refuse_a_shared_client(broker, &issuer, &new.client_id, own).await?;
    match existing {
        None => insert(broker, new, issuer, source).await,
        Some(existing) if existing.source == source => update(broker, existing, new, issuer).await,
        Some(existing) => Err(Error::Conflict(format!(
            "The app `{}` was made by {}; change it there.",
            existing.key, existing.source
        ))),
    }
}

/// The apps that are this client of this issuer, under whichever key of the configuration it goes.
async fn of_client(broker: &Broker, issuer: &Issuer, client_id: &str) -> Result<Vec<App>, db::Error> {
    match issuer.identifier() {
        Some(identifier) => store::by_client(&broker.db, identifier, client_id).await,
        None => Ok(store::by_client_at(&broker.db, &issuer.id, client_id).await?.into_iter().collect()),
    }
}

/// Two keys of the configuration may be one issuer: a client there is one app's all the same.
async fn refuse_a_shared_client(
    broker: &Broker,
    issuer: &Issuer,
    client_id: &str,
    own: Option<&str>,
) -> Result<(), Error> {
    match of_client(broker, issuer, client_id).await?.iter().find(|other| Some(other.id.as_str()) != own) {
        None => Ok(()),
        Some(other) => {
            let sentence = format!("The app `{}` is this client of the same issuer already.", other.key);
            Err(Error::Conflict(sentence))
        }
    }
}

/// The tokens of connected people are the old issuer's and the old client's: they are not another's to see.
pub(super) async fn refuse_to_move(
    broker: &Broker,
    existing: &App,
    client_id: &str,
    issuer: &Issuer,
) -> Result<(), Error> {
    if existing.client_id == client_id && existing.issuer.external_name() == issuer.external_name() {
        return Ok(());
    }
    let held = crate::connection::look_up::count_held(broker, &existing.id).await?;
    if held.is_none() {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "The app `{}` cannot move to another issuer or client id while {held} connections hold tokens of the old one; \
         register it under a new key, or revoke them first.",
        existing.key
    )))
}

/// What can be said of an app before anything is looked up.
pub(super) fn judge(new: &NewApp) -> Result<(), Error> {
    let refuse = |sentence: &str| Err(Error::InvalidRequest(sentence.to_owned()));
    if !is_key(&new.key) {
        return refuse("An app's key holds only lower-case letters, digits, `-` and `_`.");
    }
    if new.name.trim().is_empty() || new.name.chars().count() > 100 || new.name.contains(char::is_control) {
        return refuse("An app's name has 1 to 100 characters, on one line.");
    }
    if new.home_page.as_ref().is_some_and(|url| !is_web(url)) {
        return refuse("An app's home page must be a web address: https, or http.");
    }
    if new.client_id.is_empty() {
        return refuse("An app needs the client id that its issuer gave it.");
    }
    if Scopes::parse(&new.scopes.join(" ")).is_err() {
        return refuse("A scope may hold printable ASCII but no quotation mark and no backslash.");
    }
    if let Some(extra) =
        new.authorization_url_extras.keys().find(|key| RESERVED_PARAMETERS.contains(&key.as_str()))
    {
        return Err(Error::InvalidRequest(format!("`{extra}` is a parameter that Attaché sets itself.")));
    }
    if new.identity_config.as_ref().is_some_and(|config| !config.can_be_read()) {
        return refuse("`account_identifier` must be a JSONPath (RFC 9535) such as `$.sub`.");
    }
    if !new.redirect_uris.iter().all(is_redirect_uri) {
        return refuse("A redirect URI must be https, http on loopback, or a native app's own scheme.");
    }
    if matches!(new.client_auth, Some(ClientAuth::Body | ClientAuth::Basic)) && new.client_secret.is_none() {
        return refuse("A confidential client needs its client secret.");
    }
    if new.direct.is_some() && new.accepted_audiences.is_empty() {
        return refuse("`direct` needs an accepted audience: without one no token of the app is taken.");
    }
    Ok(())
}

async fn insert(broker: &Broker, new: NewApp, issuer: Issuer, source: Source) -> Result<App, Error> {
    let now = broker.clock.now();
    let id = format!("app_{}", random_id::<20>());
    let (data_key, wrapped) = broker.vault.new_data_key()?;
    let place = App::secret_place(&id, &new.client_id);
    let sealed = new.client_secret.as_ref().map(|secret| data_key.seal(&place, secret)).transpose()?;
    let (app, provenance) = assemble(broker, id, new, issuer, source, sealed, wrapped.clone());
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    crate::vault::insert(&mut transaction, &wrapped, Purpose::App, now).await?;
    store::insert(&mut transaction, &app, &provenance, now).await.map_err(taken)?;
    transaction.commit().await?;
    Ok(app)
}

async fn update(broker: &Broker, existing: App, new: NewApp, issuer: Issuer) -> Result<App, Error> {
    refuse_to_move(broker, &existing, &new.client_id, &issuer).await?;
    let now = broker.clock.now();
    let data_key = broker.vault.data_key(&existing.data_key)?;
    let place = App::secret_place(&existing.id, &new.client_id);
    let sealed = new.client_secret.as_ref().map(|secret| data_key.seal(&place, secret)).transpose()?;
    let (app, provenance) =
        assemble(broker, existing.id, new, issuer, existing.source, sealed, existing.data_key);
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    store::update(&mut transaction, &app, &provenance, now).await.map_err(taken)?;
    transaction.commit().await?;
    Ok(app)
}

fn assemble(
    broker: &Broker,
    id: String,
    new: NewApp,
    issuer: Issuer,
    source: Source,
    client_secret: Option<crate::vault::Sealed>,
    data_key: crate::vault::WrappedKey,
) -> (App, Provenance) {
    let signs_in_there = broker.config.signs_in_at(&issuer.external_name());
    let identity_rule =
        new.identity.unwrap_or(if signs_in_there { IdentityRule::Same } else { IdentityRule::Any });
    let provenance = Provenance {
        slack_app_id: new.slack_app_id,
        provider_key: new.provider_key,
        egress: new.egress,
        logo: new.logo,
    };
    let app = App {
        id,
        key: new.key,
        name: new.name,
        description: new.description,
        has_logo: provenance.logo.is_some(),
        kind: new.kind,
        home_page: new.home_page,
        status: AppStatus::Approved,
        issuer,
        client_id: new.client_id,
        client_auth: ClientAuth::or_default(new.client_auth, new.client_secret.as_ref()),
        client_secret,
        data_key,
        scopes: Scopes::lenient(&new.scopes.join(" ")),
        scope_rule: if new.exact_scopes { ScopeRule::Exact } else { ScopeRule::Union },
        audience: new.audience,
        authorization_url_extras: new.authorization_url_extras,
        pkce: new.pkce,
        identity_rule,
        identity_config: new.identity_config,
        accepted_audiences: new.accepted_audiences,
        redirect_uris: new.redirect_uris,
        permissions: new.permissions.map(Arc::new),
        direct: new.direct,
        source,
    };
    (app, provenance)
}

fn taken(error: db::Error) -> Error {
    match &error {
        db::Error::Unique(_) => Error::Conflict(
            "Another app already has this key, or this client id at the same issuer.".to_owned(),
        ),
        _ => error.into(),
    }
}
