//! Roles and permissions of the configuration that nobody can have. Nothing is wrong with them, so they are no faults:
//! `attache check` warns of them.

use super::{Config, EnvironmentConfig};
use crate::content::permission::Permission;
use crate::content::rules::{AccountRule, AppRule};

/// One sentence each, with its place.
#[must_use]
pub fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    for (key, environment) in &config.environments {
        let mut warn = |place: &str, why: &str| warnings.push(format!("environments.{key}{place}: {why}"));
        if !environment.strategy.mints() {
            for app in bounded_apps(config, environment) {
                let why = format!(
                    "the app {app} gets no token here: it has `permissions`, and the platform's own tokens cannot be narrowed"
                );
                warn("", &why);
            }
        }
        let Some(roles) = &environment.roles else { continue };
        if roles.is_empty() {
            warn(".roles", "is empty, so that nobody may do anything here");
        }
        if no_app(environment) && environment.origins.is_empty() {
            warn(
                ".roles",
                "no app may reach this environment, and no page, so that no role can be used; see `apps` and `origins`",
            );
        }
        for (at, role) in roles.iter().enumerate() {
            let place = format!(".roles[{at}]");
            if nobody_has(&role.accounts, environment.accounts.as_ref()) {
                warn(&place, "nobody can have this role; see its `accounts` and those of the environment");
            }
            if role.permissions.is_empty() {
                warn(&place, "this role permits nothing");
            }
            for (at, permission) in role.permissions.iter().enumerate() {
                if no_app_may(permission, config, environment) {
                    let place = format!("{place}.permissions[{at}]");
                    warn(
                        &place,
                        "nobody can have this permission: no app that may reach this environment may do it",
                    );
                }
            }
        }
    }
    for (key, app) in &config.apps {
        for (at, permission) in app.permissions.iter().flatten().enumerate() {
            if no_environment_lets(permission, key, config) {
                let why = "nobody can have this permission: no environment that the app may reach lets anybody do it";
                warnings.push(format!("apps.{key}.permissions[{at}]: {why}"));
            }
        }
    }
    warnings
}

/// Only where it may reach one at all.
fn no_environment_lets(permission: &Permission, app: &str, config: &Config) -> bool {
    let mut reached = config
        .environments
        .values()
        .filter(|environment| environment.strategy.mints() && reaches(app, environment))
        .peekable();
    let lets = |environment: &EnvironmentConfig| {
        environment.roles.as_ref().is_none_or(|roles| {
            roles.iter().flat_map(|role| &role.permissions).any(|other| other.meet(permission).is_some())
        })
    };
    reached.peek().is_some() && !reached.any(lets)
}

fn reaches(app: &str, environment: &EnvironmentConfig) -> bool {
    match &environment.apps {
        None => false,
        Some(AppRule::Any(_)) => true,
        Some(AppRule::Keys(keys)) => keys.iter().any(|named| named == app),
    }
}

fn no_app(environment: &EnvironmentConfig) -> bool {
    match &environment.apps {
        None => true,
        Some(AppRule::Keys(keys)) => keys.is_empty(),
        Some(AppRule::Any(_)) => false,
    }
}

/// An account may be listed by its id here and by its subject there, so only lists of the same kind exclude each other.
fn nobody_has(role: &AccountRule, environment: Option<&AccountRule>) -> bool {
    let AccountRule::Listed(listed) = role else { return false };
    let Some(AccountRule::Listed(let_in)) = environment else { return listed.is_empty() };
    let all_are =
        |are_ids: bool| listed.iter().chain(let_in).all(|name| crate::account::is_id(name) == are_ids);
    (all_are(true) || all_are(false) || listed.is_empty() || let_in.is_empty())
        && !listed.iter().any(|name| let_in.contains(name))
}

/// Only where all apps that may reach it are known: the command line may have added others.
fn no_app_may(permission: &Permission, config: &Config, environment: &EnvironmentConfig) -> bool {
    let Some(AppRule::Keys(keys)) = &environment.apps else { return false };
    let may = |key: &String| match config.apps.get(key).map(|app| &app.permissions) {
        Some(Some(bound)) => bound.iter().any(|bound| bound.meet(permission).is_some()),
        Some(None) | None => true,
    };
    !keys.is_empty() && !keys.iter().any(may)
}

fn bounded_apps<'a>(config: &'a Config, environment: &'a EnvironmentConfig) -> impl Iterator<Item = &'a str> {
    let bounded = config.apps.iter().filter(|(_, app)| app.permissions.is_some());
    bounded.map(|(key, _)| key.as_str()).filter(move |key| reaches(key, environment))
}
