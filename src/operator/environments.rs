//! What an operator is told of environments, and whether one is open to requests without a token.

use serde::Serialize;

use super::output::Output;
use crate::Broker;
use crate::content::{self, Environment, public_access};
use crate::error::Error;

pub(super) async fn list(broker: &Broker) -> Result<Output, Error> {
    let line = |environment: &Environment| {
        let Environment { key, project, environment: name, content_api_url, settings, .. } = environment;
        let roles = settings
            .roles
            .as_ref()
            .map_or_else(|| "no roles".to_owned(), |all| format!("{} roles", all.len()));
        let public = if environment.public_permissions().is_empty() { "closed" } else { "public" };
        let strategy = <&str>::from(environment.strategy);
        format!("{key}\t{project}/{name}\t{strategy}\t{roles}\t{public}\t{content_api_url}")
    };
    let all = content::all(broker).await?;
    Ok(Output::of(all.iter().map(|environment| line(environment)).collect()))
}

pub(super) async fn show(broker: &Broker, key: &str) -> Result<Output, Error> {
    let environment = content::by_key(broker, key).await?;
    let settings = &environment.settings;
    let mut lines = vec![format!("{key} {}", environment.audience())];
    let mut line = |name: &str, value: &str| lines.push(format!("  {name}: {value}"));
    let said = [
        ("project name", &settings.project_name),
        ("environment name", &settings.environment_name),
        ("region", &settings.region),
    ];
    for (name, value) in said {
        if let Some(value) = value {
            line(name, value);
        }
    }
    line("content API", environment.content_api_url.as_str());
    if let Some(url) = &settings.high_performance_url {
        line("high-performance content API", url.as_str());
    }
    line("strategy", environment.strategy.into());
    line("token lifetime", &format!("{} seconds", environment.lifetime));
    line("default stage", &settings.default_stage);
    line("apps", &environment.apps.as_ref().map_or_else(|| "none".to_owned(), written));
    if !settings.origins.is_empty() {
        line("pages of", &settings.origins.join(", "));
    }
    let accounts = match (&environment.accounts, &settings.roles) {
        (Some(rule), _) => written(rule),
        (None, Some(_)) => "whoever has a role".to_owned(),
        (None, None) => "nobody".to_owned(),
    };
    line("accounts", &accounts);
    match &settings.roles {
        None => line("roles", "none: whoever reaches it may do everything"),
        Some(roles) => {
            for role in roles {
                line(&format!("role {}", role.name), &format!("accounts {}", written(&role.accounts)));
                for permission in &role.permissions {
                    line("  permits", &written(permission));
                }
            }
        }
    }
    let public = environment.public_permissions();
    line("public", if public.is_empty() { "nothing" } else { "without a token" });
    for permission in &public {
        line("  permits", &written(permission));
    }
    Ok(Output::of(lines))
}

pub(super) async fn set_public_defaults(broker: &Broker, key: &str, open: bool) -> Result<Output, Error> {
    let environment = public_access::set_defaults(broker, key, open).await?;
    Ok(Output::line(if open {
        format!("Anybody may read what is published at {key}, without a token.")
    } else if environment.public_permissions().is_empty() {
        format!("Nothing is public at {key}.")
    } else {
        format!("What is public at {key} is said by the configuration file.")
    }))
}

/// As it stands in the configuration, in JSON.
fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
