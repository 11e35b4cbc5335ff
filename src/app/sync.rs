//! Brings issuers and apps in line with the configuration file at boot. What is gone from the file is
//! suspended, never deleted.

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::add::{NewApp, add, refuse_to_move};
use super::change::{put_issuer, suspend};
use super::{AppStatus, Source, store};
use crate::Broker;
use crate::config::{AppConfig, Config, IssuerConfig};
use crate::error::Error;
use crate::issuer::{ExplicitUrls, Issuer, Whereabouts};
use crate::secret::random_id;

/// Written at once, so that they share a commit and the time to start does not grow with each.
const AT_ONCE: usize = 8;

/// Brings what the configuration has in line with it, and touches nothing else.
///
/// # Errors
/// As [`sync`].
pub async fn carry_over(broker: &Broker, config: &Config) -> Result<(), Error> {
    for (key, issuer) in &config.issuers {
        sync_issuer(broker, key, issuer, Extent::Whole).await?;
    }
    for (key, app) in &config.apps {
        sync_app(broker, key, app, Extent::Whole).await?;
    }
    Ok(())
}

/// How much of the file is carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// A server's start: everything.
    Whole,
    /// A command's: what the database does not have yet. Somebody's older file changes nothing.
    OnlyNew,
}

/// # Errors
/// When the database refuses, the command line already made an app or issuer of the same key, or an app or issuer
/// would move away from its people's tokens.
pub async fn sync(broker: &Broker, extent: Extent) -> Result<(), Error> {
    let issuers = broker.config.issuers.iter().map(|(key, config)| sync_issuer(broker, key, config, extent));
    stream::iter(issuers).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    let apps = broker.config.apps.iter().map(|(key, config)| sync_app(broker, key, config, extent));
    stream::iter(apps).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    if extent == Extent::OnlyNew {
        return Ok(());
    }
    for app in store::all(&broker.db).await? {
        let gone = app.source == Source::Config && !broker.config.apps.contains_key(&app.key);
        if gone && app.status != AppStatus::Suspended {
            tracing::warn!(app = app.key, "the app is gone from the configuration file and is suspended");
            suspend(broker, &app.id).await?;
        }
    }
    Ok(())
}

async fn sync_issuer(broker: &Broker, key: &str, config: &IssuerConfig, extent: Extent) -> Result<(), Error> {
    let Some(issuer) = issuer(key, config) else { return Ok(()) };
    let existing = store::issuer_by_key(&broker.db, key).await?;
    if existing.is_some() && extent == Extent::OnlyNew {
        return Ok(());
    }
    if let Some(existing) = existing {
        refuse_to_move_issuer(broker, &existing, &issuer).await?;
    }
    if put_issuer(broker, &issuer, Source::Config).await? {
        Ok(())
    } else {
        Err(Error::Conflict(format!("The issuer `{key}` was already made by the command line.")))
    }
}

async fn sync_app(broker: &Broker, key: &str, config: &AppConfig, extent: Extent) -> Result<(), Error> {
    if extent == Extent::Whole || store::by_key(&broker.db, key).await?.is_none() {
        add(broker, new_app(key, config), Source::Config).await?;
    }
    Ok(())
}

/// An issuer that becomes another one takes its apps along, and their people's tokens are not its to see.
async fn refuse_to_move_issuer(broker: &Broker, existing: &Issuer, becomes: &Issuer) -> Result<(), Error> {
    if existing.external_name() == becomes.external_name() {
        return Ok(());
    }
    for app in store::at_issuer(&broker.db, &existing.id).await? {
        refuse_to_move(broker, &app, &app.client_id, becomes).await?;
    }
    Ok(())
}

/// An issuer as the file has it. None only for a shape that the configuration's judge refuses.
#[must_use]
pub fn issuer(key: &str, config: &IssuerConfig) -> Option<Issuer> {
    let whereabouts = match (&config.issuer, &config.authorization_url, &config.token_url) {
        (Some(identifier), _, _) => {
            Whereabouts::Discovery { identifier: identifier.clone(), said: Box::new(config.said()) }
        }
        (None, Some(authorization), Some(token)) => Whereabouts::Explicit(Box::new(ExplicitUrls {
            authorization: authorization.clone(),
            token: token.clone(),
            userinfo: config.userinfo_url.clone(),
            revocation: config.revocation_url.clone(),
        })),
        _ => return None,
    };
    Some(Issuer {
        id: format!("is_{}", random_id::<20>()),
        key: key.to_owned(),
        name: config.name.clone().unwrap_or_else(|| key.to_owned()),
        whereabouts,
        profile: config.profile(),
        scope_descriptions: config.scope_descriptions.clone(),
    })
}

fn new_app(key: &str, config: &AppConfig) -> NewApp {
    let config = config.clone();
    NewApp {
        key: key.to_owned(),
        name: config.name,
        description: config.description,
        logo: config.logo,
        kind: config.kind,
        home_page: config.home_page,
        issuer: config.issuer,
        client_id: config.client_id,
        client_secret: config.client_secret,
        client_auth: config.client_auth,
        scopes: config.scopes,
        exact_scopes: false,
        audience: config.audience,
        authorization_url_extras: config.authorization_url_extras,
        pkce: None,
        identity: config.identity,
        identity_config: config.identity_config,
        accepted_audiences: config.accepted_audiences,
        redirect_uris: config.redirect_uris,
        egress: config.egress,
        slack_app_id: None,
        provider_key: None,
        permissions: config.permissions,
        direct: config.direct,
    }
}
