//! Judges a configuration that has the right shape: references, secrets, URLs. Adds one fault per mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use url::Url;

use super::fault::ConfigFault;
use super::issuer::IssuerConfig;
use super::read_secret::read_secret;
use super::{AppConfig, Config, EnvironmentConfig, platforms, vault};
use crate::app::logo::Logo;
use crate::app::rules::{self, IdentityRule};
use crate::content::rules::{AppRule, LONGEST_LIFE, Strategy};
use crate::content::template::Template;
use crate::issuer::ClientAuth;
use crate::issuer::authorize::RESERVED_PARAMETERS;
use crate::issuer::scope::Scopes;
use crate::secret::Token;

type Faults = Vec<ConfigFault>;

pub fn judge(config: &mut Config, faults: &mut Faults) {
    judge_addresses(config, faults);
    config.limits.judge(faults);
    config.outbound.judge(faults);
    config.signing_keys.judge(faults);
    config.graphql.judge(faults);
    config.session_tokens.judge(faults);
    config.session_tokens.live_behind(&config.public_url);
    config.brand.judge(faults);
    vault::judge(&mut config.vault, &config.database.url, faults);
    judge_sign_in(config, faults);
    for (key, issuer) in &mut config.issuers {
        judge_issuer(&format!("issuers.{key}"), issuer, &config.outbound.allow_origins, faults);
    }
    judge_shared_issuers(&config.issuers, faults);
    platforms::judge(&mut config.platforms, &config.issuers, &config.outbound.allow_origins, faults);
    let mut apps = std::mem::take(&mut config.apps);
    let mut clients = BTreeMap::new();
    for (key, app) in &mut apps {
        judge_app(key, app, config, faults);
        let issuer = config.issuers.get(&app.issuer).and_then(|issuer| issuer.issuer.as_ref());
        let issuer = issuer.unwrap_or(&app.issuer).clone();
        if let Some(other) = clients.insert((issuer, app.client_id.clone()), key) {
            let problem = format!("is the client of apps.{other} too; each app is a client of its own");
            faults.push(ConfigFault::new(format!("apps.{key}.client_id"), problem));
        }
    }
    config.apps = apps;
    judge_token_exchanges(config, faults);
    judge_environments(config, faults);
    judge_templates(config, faults);
}

fn judge_addresses(config: &Config, faults: &mut Faults) {
    faults.extend(config.public_url.problem().map(|problem| ConfigFault::new("public_url", problem)));
    for (key, value) in
        [("listen.address", &config.listen.address), ("listen.machine_room", &config.listen.machine_room)]
    {
        if value.parse::<SocketAddr>().map_or(true, |address| address.port() == 0) {
            let problem = "must be an IP address and a port from 1 to 65535, such as 127.0.0.1:8080";
            faults.push(ConfigFault::new(key, problem));
        }
    }
    if config.listen.drain_seconds > 60 {
        faults.push(ConfigFault::new("listen.drain_seconds", "must be between 0 and 60"));
    }
    let url = config.database.url.expose();
    if !["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        faults.push(ConfigFault::new("database.url", "must begin with sqlite:// or postgres://"));
    }
    if !(1..=4096).contains(&config.database.memory_megabytes) {
        faults.push(ConfigFault::new("database.memory_megabytes", "must be between 1 and 4096"));
    }
    if config.database.connections == Some(0) {
        faults.push(ConfigFault::new("database.connections", "must be at least 1"));
    }
    if !crate::log::is_directive(&config.log.level) {
        faults.push(ConfigFault::new(
            "log.level",
            "must be a level, or target=level, such as info or attache=debug",
        ));
    }
}

fn judge_sign_in(config: &mut Config, faults: &mut Faults) {
    let sign_in = &mut config.sign_in;
    let file = sign_in.client_secret_file.as_deref();
    if read_secret("sign_in.client_secret", &mut sign_in.client_secret, file, faults) {
        judge_client_auth("sign_in", sign_in.client_auth, sign_in.client_secret.as_ref(), faults);
    }
    match config.issuers.get(&sign_in.issuer) {
        None => faults.push(ConfigFault::new("sign_in.issuer", "names no [issuers.…] of this file; add it")),
        Some(issuer) if issuer.issuer.is_none() => faults.push(ConfigFault::new(
            "sign_in.issuer",
            "names an issuer without discovery, whose ID tokens cannot be judged; give that issuer an `issuer`",
        )),
        Some(_) => {}
    }
    if sign_in.client_id.is_empty() {
        faults.push(ConfigFault::new(
            "sign_in.client_id",
            "is empty; set the client id that the issuer gave you",
        ));
    }
    if !sign_in.scopes.iter().any(|scope| scope == "openid") {
        faults.push(ConfigFault::new("sign_in.scopes", "must hold \"openid\", or there is no ID token"));
    }
}

fn judge_issuer(key: &str, issuer: &mut IssuerConfig, allowed: &[Url], faults: &mut Faults) {
    let file = issuer.management_client_secret_file.as_deref();
    let secret = format!("{key}.management_client_secret");
    let read = read_secret(&secret, &mut issuer.management_client_secret, file, faults);
    match (&issuer.issuer, &issuer.authorization_url, &issuer.token_url) {
        (Some(identifier), ..) => match Url::parse(identifier) {
            Ok(url) if rules::is_web(&url) && url.query().is_none() && url.fragment().is_none() => {
                judge_transport(&format!("{key}.issuer"), &url, allowed, faults);
            }
            _ => faults.push(ConfigFault::new(
                format!("{key}.issuer"),
                "must be an https URL without query or fragment, exactly as the issuer writes it",
            )),
        },
        (None, Some(_), Some(_)) => {}
        _ => faults.push(ConfigFault::new(
            key,
            "needs `issuer` (discovery), or both `authorization_url` and `token_url`",
        )),
    }
    for (name, url) in issuer.urls().into_iter().chain([("management_url", issuer.management_url.as_ref())]) {
        if let Some(url) = url {
            judge_transport(&format!("{key}.{name}"), url, allowed, faults);
        }
    }
    if read {
        issuer.judge_management(key, faults);
    }
    issuer.judge_habits(key, faults);
}

/// Two sections of one identifier are one issuer, whose metadata and keys are kept once: they are judged by one rule.
fn judge_shared_issuers(issuers: &BTreeMap<String, IssuerConfig>, faults: &mut Faults) {
    let mut seen: BTreeMap<&str, (&str, &IssuerConfig)> = BTreeMap::new();
    for (key, issuer) in issuers {
        let Some(identifier) = &issuer.issuer else { continue };
        let (other, first) = *seen.entry(identifier).or_insert((key, issuer));
        let mut differs = |name: &str| {
            let problem =
                format!("differs from that of issuers.{other}, which is the same issuer; give both the same");
            faults.push(ConfigFault::new(format!("issuers.{key}.{name}"), problem));
        };
        if first.profile().endpoint_origins != issuer.profile().endpoint_origins {
            differs("endpoint_origins");
        }
        if first.introspection != issuer.introspection {
            differs("introspection");
        }
        for (name, url) in issuer.urls() {
            if first.urls().iter().any(|(other, theirs)| *other == name && *theirs != url) {
                differs(name);
            }
        }
    }
}

/// Anything that carries a code or a secret is https, unless its origin was named for development.
fn judge_transport(key: &str, url: &Url, allowed: &[Url], faults: &mut Faults) {
    let named = allowed.iter().any(|origin| origin.origin() == url.origin());
    if url.scheme() != "https" && !named {
        faults.push(ConfigFault::new(
            key,
            "must be https; for development name its origin in outbound.allow_origins",
        ));
    }
}

fn judge_app(name: &str, app: &mut AppConfig, config: &Config, faults: &mut Faults) {
    let key = format!("apps.{name}");
    let file = app.client_secret_file.as_deref();
    if read_secret(&format!("{key}.client_secret"), &mut app.client_secret, file, faults) {
        judge_client_auth(&key, app.client_auth, app.client_secret.as_ref(), faults);
    }
    if let Some(file) = &app.logo_file {
        match Logo::read(file) {
            Ok(logo) => app.logo = Some(logo),
            Err(why) => {
                faults
                    .push(ConfigFault::new(format!("{key}.logo_file"), format!("{} {why}", file.display())));
            }
        }
    }
    if !rules::is_key(name) {
        faults.push(ConfigFault::new(&key, "must be named by lower-case letters, digits, `-` and `_` only"));
    }
    if !config.issuers.contains_key(&app.issuer) {
        faults.push(ConfigFault::new(format!("{key}.issuer"), "names no [issuers.…] of this file; add it"));
    }
    let identifier = config.issuers.get(&app.issuer).and_then(|issuer| issuer.issuer.as_deref());
    let signs_in_there = identifier.is_some_and(|identifier| config.signs_in_at(identifier));
    if app.identity == Some(IdentityRule::Same) && !signs_in_there {
        faults.push(ConfigFault::new(
            format!("{key}.identity"),
            "can be \"same\" only when the app's issuer is the one of [sign_in]; use \"any\"",
        ));
    }
    if app.direct.is_some() && !signs_in_there {
        faults.push(ConfigFault::new(
            format!("{key}.direct"),
            "can be set only when the app's issuer is the one of [sign_in]: only its tokens say whose account is meant",
        ));
    }
    if app.direct.is_some() && app.accepted_audiences.is_empty() {
        faults.push(ConfigFault::new(
            format!("{key}.direct"),
            "needs accepted_audiences: without one no token of the app is taken",
        ));
    }
    if Scopes::parse(&app.scopes.join(" ")).is_err() || app.scopes.iter().any(|scope| scope.contains(' ')) {
        faults
            .push(ConfigFault::new(format!("{key}.scopes"), "must be scope tokens of RFC 6749 section 3.3"));
    }
    for extra in app.authorization_url_extras.keys() {
        let ours =
            RESERVED_PARAMETERS.contains(&extra.as_str()) || (extra == "audience" && app.audience.is_some());
        if ours {
            faults.push(ConfigFault::new(
                format!("{key}.authorization_url_extras.{extra}"),
                "is a parameter that Attaché sets itself; remove it",
            ));
        }
    }
    for uri in &app.redirect_uris {
        if !rules::is_redirect_uri(uri) {
            faults.push(ConfigFault::new(
                format!("{key}.redirect_uris"),
                "must be https (or http on loopback, or a native app's own scheme) without a fragment",
            ));
        }
    }
    if let Some(identity) = &app.identity_config {
        let key = format!("{key}.identity_config");
        judge_transport(&format!("{key}.url"), &identity.url, &config.outbound.allow_origins, faults);
        if !identity.can_be_read() {
            let problem = "must be a JSONPath (RFC 9535) such as $.sub";
            faults.push(ConfigFault::new(format!("{key}.account_identifier"), problem));
        }
    }
    if let Some(home_page) = &app.home_page
        && !rules::is_web(home_page)
    {
        faults.push(ConfigFault::new(format!("{key}.home_page"), "must be a web address"));
    }
}

fn judge_client_auth(key: &str, auth: Option<ClientAuth>, secret: Option<&Token>, faults: &mut Faults) {
    match (auth, secret) {
        (Some(ClientAuth::None), Some(_)) => faults.push(ConfigFault::new(
            format!("{key}.client_auth"),
            "is \"none\" although there is a client_secret; remove one",
        )),
        (Some(ClientAuth::Body | ClientAuth::Basic), None) => faults.push(ConfigFault::new(
            format!("{key}.client_secret"),
            "is missing; set it, or client_secret_file, or client_auth = \"none\" for a public client",
        )),
        _ => {}
    }
}

fn judge_token_exchanges(config: &mut Config, faults: &mut Faults) {
    for (name, environment) in &mut config.environments {
        let Some(section) = &mut environment.token_exchange else { continue };
        let key = format!("environments.{name}.token_exchange");
        let file = section.client_secret_file.as_deref();
        if read_secret(&format!("{key}.client_secret"), &mut section.client_secret, file, faults) {
            judge_client_auth(&key, section.client_auth, section.client_secret.as_ref(), faults);
        }
        let allowed = &config.outbound.allow_origins;
        judge_transport(&format!("{key}.token_url"), &section.token_url, allowed, faults);
    }
}

fn judge_environments(config: &Config, faults: &mut Faults) {
    let mut seen = BTreeSet::new();
    let mut addresses = BTreeSet::new();
    for (name, environment) in &config.environments {
        let key = format!("environments.{name}");
        judge_environment(&key, environment, config, faults);
        if !seen.insert((&environment.project, &environment.environment)) {
            faults.push(ConfigFault::new(&key, "has the project and environment of another one; merge them"));
        }
        let settings = environment.settings();
        let second = settings.high_performance_url.map(|url| ("high_performance_url", url));
        let first = environment.content_api_url().ok().map(|url| ("content_api_url", url));
        for (name, url) in first.into_iter().chain(second) {
            if !addresses.insert(url) {
                let problem =
                    "is that of another environment; each has its own, because it is its tokens' audience";
                faults.push(ConfigFault::new(format!("{key}.{name}"), problem));
            }
        }
    }
}

fn judge_environment(key: &str, environment: &EnvironmentConfig, config: &Config, faults: &mut Faults) {
    if environment.strategy == Strategy::Ask && environment.management_api_url.is_none() {
        faults.push(ConfigFault::new(
            format!("{key}.management_api_url"),
            "is missing; the strategy \"ask\" asks there, or set strategy = \"mint\"",
        ));
    }
    if environment.strategy == Strategy::TokenExchange && environment.token_exchange.is_none() {
        faults.push(ConfigFault::new(
            format!("{key}.token_exchange"),
            "is missing; the strategy \"token_exchange\" needs its `token_url` and `client_id`",
        ));
    }
    if let Some(url) = &environment.management_api_url {
        judge_transport(&format!("{key}.management_api_url"), url, &config.outbound.allow_origins, faults);
    }
    super::environments::judge(key, environment, faults);
    let may_ask =
        |origin: &String| config.session_tokens.allows(origin) || *origin == config.public_url.origin_text();
    for origin in environment.origins.iter().filter(|origin| !may_ask(origin)) {
        let problem =
            format!("holds {origin}, whose pages may not ask; list it in session_tokens.allowed_origins");
        faults.push(ConfigFault::new(format!("{key}.origins"), problem));
    }
    if !(30..=LONGEST_LIFE).contains(&environment.lifetime_seconds) {
        faults.push(ConfigFault::new(format!("{key}.lifetime_seconds"), "must be between 30 and 86400"));
    }
    // Apps that were added by the command line are not in the file, so an unknown key is allowed here; a malformed one is not.
    if let Some(AppRule::Keys(keys)) = &environment.apps
        && !keys.iter().all(|key| rules::is_key(key))
    {
        faults.push(ConfigFault::new(format!("{key}.apps"), "must be keys of apps, or \"any\""));
    }
}

fn judge_templates(config: &Config, faults: &mut Faults) {
    for (name, definition) in &config.templates {
        let Err(found) = Template::parse(name, definition) else { continue };
        faults.extend(found.into_iter().map(|fault| {
            let path = if fault.path.is_empty() { String::new() } else { format!(".{}", fault.path) };
            ConfigFault::new(format!("templates.{name}{path}"), fault.problem)
        }));
    }
    for (name, environment) in &config.environments {
        if environment.template.as_ref().is_some_and(|template| !config.templates.contains_key(template)) {
            let problem = "names no [templates.…] of this file; add it";
            faults.push(ConfigFault::new(format!("environments.{name}.template"), problem));
        }
    }
}
