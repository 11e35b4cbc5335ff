//! Registers the `external_auth_providers` of a Slack manifest, as its SDK exports it: each provider is an
//! app, and its URLs an issuer of their own, unless the operator names one of the configuration file that has the same.
//! Every documented option is honoured; an unknown one is refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;

use super::add::{NewApp, add, judge, refuse_to_move};
use super::change::put_issuer;
use super::{App, AppKind, IdentityRule, Source, store};
use crate::Broker;
use crate::error::Error;
use crate::issuer::discovery::endpoints;
use crate::issuer::identity::IdentityConfig;
use crate::issuer::profile::{Pkce, Preset, Profile};
use crate::issuer::{ClientAuth, ExplicitUrls, Issuer, Whereabouts};
use crate::secret::{Token, random_id};

/// The part of a manifest that is ours; the rest of it is another's.
#[derive(Debug, Deserialize)]
struct Manifest {
    display_information: Option<DisplayInformation>,
    external_auth_providers: Providers,
    #[serde(default)]
    outgoing_domains: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct DisplayInformation {
    name: Option<String>,
    description: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Providers {
    oauth2: BTreeMap<String, Provider>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Provider {
    provider_type: String,
    options: Options,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    provider_name: String,
    client_id: String,
    authorization_url: Url,
    token_url: Url,
    scope: Vec<String>,
    #[serde(default)]
    token_url_config: TokenUrlConfig,
    #[serde(default)]
    authorization_url_extras: BTreeMap<String, String>,
    #[serde(default)]
    use_pkce: bool,
    identity_config: IdentityConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TokenUrlConfig {
    use_basic_auth_scheme: bool,
}

/// What is imported: a manifest, the Slack app's id, and the client secrets by provider key.
#[derive(Debug, Serialize, Deserialize)]
pub struct Import {
    pub manifest: String,
    pub slack_app_id: String,
    #[serde(with = "crate::secret::exposed_map")]
    pub client_secrets: BTreeMap<String, Token>,
    /// The issuers of the configuration file that providers are at, by provider key. A provider stays where it is.
    #[serde(default)]
    pub issuers: BTreeMap<String, String>,
}

/// The keys of the providers that a manifest defines, in order.
///
/// # Errors
/// [`Error::InvalidRequest`] naming what is wrong with the manifest.
pub fn provider_keys(manifest: &str) -> Result<Vec<String>, Error> {
    Ok(parse(manifest)?.external_auth_providers.oauth2.into_keys().collect())
}

/// A provider is known by its Slack app's id and its provider key: another Slack app's provider of the same key is
/// another app.
///
/// # Errors
/// [`Error::InvalidRequest`] naming what is wrong, [`Error::Conflict`] when an app would move away from its people's
/// tokens: nothing was imported then. A client id that another app already has is found only while storing; the
/// providers before it are imported then.
pub async fn import(broker: &Broker, import: Import) -> Result<Vec<App>, Error> {
    let is_id = import.slack_app_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if import.slack_app_id.is_empty() || import.slack_app_id.len() > 40 || !is_id {
        return Err(Error::InvalidRequest("A Slack app's id holds letters and digits only.".to_owned()));
    }
    let issuers = import.issuers.clone();
    // All are judged before the first is stored.
    let mut judged = Vec::new();
    for (issuer, new) in providers(broker, import)? {
        judged.push(place(broker, issuer, new, &issuers).await?);
    }
    let mut imported = Vec::new();
    for (issuer, new) in judged {
        let configured = broker.config.issuers.contains_key(&issuer.key);
        if !configured && !put_issuer(broker, &issuer, Source::Cli).await? {
            let sentence = format!("An issuer `{}` stands in the configuration file already.", issuer.key);
            return Err(Error::Conflict(sentence));
        }
        imported.push(add(broker, new, Source::Cli).await?);
    }
    Ok(imported)
}

/// Under its own key if that is free, else with the Slack app's id behind it; where it was before, if it was.
async fn place(
    broker: &Broker,
    mut issuer: Issuer,
    mut new: NewApp,
    issuers: &BTreeMap<String, String>,
) -> Result<(Issuer, NewApp), Error> {
    let provider_key = new.provider_key.clone().unwrap_or_default();
    let slack_app_id = new.slack_app_id.clone().unwrap_or_default();
    let suffix = slack_app_id.to_lowercase();
    issuer.key = format!("slack-{suffix}-{provider_key}");
    let existing = store::by_provider(&broker.db, &slack_app_id, &provider_key).await?;
    let stays = existing.as_ref().map(|existing| existing.issuer.key.clone());
    let stays = stays.filter(|key| broker.config.issuers.contains_key(key));
    if let Some(key) = issuers.get(&provider_key).cloned().or(stays) {
        issuer = configured(broker, &key, &provider_key, &issuer).await?;
    } else if let Some(existing) = &existing {
        issuer.key.clone_from(&existing.issuer.key);
        issuer.keep_what_was_said(&existing.issuer);
    }
    if let Some(existing) = existing {
        refuse_to_move(broker, &existing, &new.client_id, &issuer).await?;
        new.key = existing.key;
    } else if store::by_key(&broker.db, &new.key).await?.is_some() {
        new.key = format!("{provider_key}-{suffix}");
    }
    new.issuer.clone_from(&issuer.key);
    judge(&new)?;
    Ok((issuer, new))
}

/// The issuer of the configuration file that has the addresses of a provider.
async fn configured(broker: &Broker, key: &str, provider_key: &str, given: &Issuer) -> Result<Issuer, Error> {
    let refuse = |sentence: String| Err(Error::InvalidRequest(sentence));
    let known = store::issuer_by_key(&broker.db, key).await?;
    let Some(known) = known.filter(|_| broker.config.issuers.contains_key(key)) else {
        return refuse(format!("There is no [issuers.{key}] in the configuration file."));
    };
    let endpoints = match endpoints(&broker.issuers, &known).await {
        Ok(endpoints) => endpoints,
        Err(fault) => return refuse(format!("Where [issuers.{key}] is cannot be found out now: {fault}.")),
    };
    let (authorization, token) = (&endpoints.authorization, &endpoints.token);
    let Whereabouts::Explicit(urls) = &given.whereabouts else { return Ok(known) };
    if (authorization, token) != (&urls.authorization, &urls.token) {
        return refuse(format!(
            "The provider `{provider_key}` is not at [issuers.{key}], whose addresses are {authorization} and {token}."
        ));
    }
    Ok(known)
}

fn providers(broker: &Broker, mut import: Import) -> Result<Vec<(Issuer, NewApp)>, Error> {
    let manifest = parse(&import.manifest)?;
    let display = manifest.display_information;
    let mut providers = Vec::new();
    for (provider_key, provider) in manifest.external_auth_providers.oauth2 {
        if provider.provider_type != "CUSTOM" {
            let sentence =
                format!("The provider `{provider_key}` is not of the type CUSTOM, the only one there is.");
            return Err(Error::InvalidRequest(sentence));
        }
        for url in [&provider.options.authorization_url, &provider.options.token_url] {
            let named =
                broker.config.outbound.allow_origins.iter().any(|origin| origin.origin() == url.origin());
            if url.scheme() != "https" && !named {
                return Err(Error::InvalidRequest(format!(
                    "The provider `{provider_key}` has a URL that is not https; for development name its origin in \
                     outbound.allow_origins."
                )));
            }
        }
        let issuer = issuer(&provider_key, &provider.options);
        let secret = import.client_secrets.remove(&provider_key);
        let mut new = new_app(&provider_key, provider.options, secret);
        new.slack_app_id = Some(import.slack_app_id.clone());
        new.egress.clone_from(&manifest.outgoing_domains);
        if let Some(display) = &display {
            new.name = display.name.clone().unwrap_or(new.name);
            new.description = display.description.clone().unwrap_or_default();
        }
        judge(&new)?;
        providers.push((issuer, new));
    }
    Ok(providers)
}

fn parse(manifest: &str) -> Result<Manifest, Error> {
    let mut reader = serde_json::Deserializer::from_str(manifest);
    serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| Error::InvalidRequest(format!("The manifest cannot be used: {error}")))
}

fn issuer(provider_key: &str, options: &Options) -> Issuer {
    let host = options.authorization_url.host_str().unwrap_or_default();
    let mut profile = Profile::of(Preset::of_host(host));
    profile.pkce = if options.use_pkce { Pkce::Always } else { Pkce::Never };
    Issuer {
        id: format!("is_{}", random_id::<20>()),
        key: format!("slack-{provider_key}"),
        name: options.provider_name.clone(),
        whereabouts: Whereabouts::Explicit(Box::new(ExplicitUrls {
            authorization: options.authorization_url.clone(),
            token: options.token_url.clone(),
            userinfo: None,
            revocation: None,
        })),
        profile,
        scope_descriptions: BTreeMap::new(),
    }
}

fn new_app(provider_key: &str, options: Options, client_secret: Option<Token>) -> NewApp {
    let client_auth = match (&client_secret, options.token_url_config.use_basic_auth_scheme) {
        (None, _) => ClientAuth::None,
        (Some(_), true) => ClientAuth::Basic,
        (Some(_), false) => ClientAuth::Body,
    };
    NewApp {
        key: provider_key.to_owned(),
        name: options.provider_name,
        description: String::new(),
        logo: None,
        kind: AppKind::Native,
        home_page: None,
        issuer: format!("slack-{provider_key}"),
        client_id: options.client_id,
        client_secret,
        client_auth: Some(client_auth),
        scopes: options.scope,
        exact_scopes: true,
        audience: None,
        authorization_url_extras: options.authorization_url_extras,
        pkce: Some(if options.use_pkce { Pkce::Always } else { Pkce::Never }),
        identity: Some(IdentityRule::Any),
        identity_config: Some(options.identity_config),
        accepted_audiences: Vec::new(),
        redirect_uris: Vec::new(),
        egress: Vec::new(),
        slack_app_id: None,
        provider_key: Some(provider_key.to_owned()),
        permissions: None,
        direct: None,
    }
}
