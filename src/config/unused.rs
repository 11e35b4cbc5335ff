//! Names what stands in the configuration and would never be used: whoever wrote it counts on it. Judges nothing else.

use super::fault::ConfigFault;
use super::issuer::IssuerConfig;
use super::{AppConfig, Config, EnvironmentConfig};
use crate::content::rules::Strategy;
use crate::issuer::profile::Reach;

pub fn judge(config: &Config, faults: &mut Vec<ConfigFault>) {
    let mut unused = |key: String, why: &str| {
        faults.push(ConfigFault::new(key, format!("is not used: {why}; remove one of the two")));
    };
    for (key, issuer) in &config.issuers {
        for (name, why) in of_issuer(issuer) {
            unused(format!("issuers.{key}.{name}"), why);
        }
    }
    for (key, app) in &config.apps {
        if let Some(why) = of_app(app, config.issuers.get(&app.issuer)) {
            unused(format!("apps.{key}.accepted_audiences"), why);
        }
    }
    for (key, environment) in &config.environments {
        for (name, why) in of_environment(environment) {
            unused(format!("environments.{key}.{name}"), why);
        }
    }
}

fn of_issuer(issuer: &IssuerConfig) -> Vec<(&'static str, &'static str)> {
    let found = [
        (
            issuer.jwks_url.is_some() && issuer.issuer.is_none(),
            "jwks_url",
            "its keys verify tokens only of an issuer that has an `issuer`, and this one has none",
        ),
        (
            issuer.revocation_url.is_some() && issuer.profile().revocation_reach == Reach::None,
            "revocation_url",
            "revocation_reach = \"none\" says that there is no revocation",
        ),
        (
            issuer.management_url.is_some() && issuer.management_client_id.is_none(),
            "management_url",
            "without a management_client_id no grant is deleted there",
        ),
    ];
    found.into_iter().filter(|(is, ..)| *is).map(|(_, name, why)| (name, why)).collect()
}

fn of_app(app: &AppConfig, issuer: Option<&IssuerConfig>) -> Option<&'static str> {
    let nameless = issuer.is_some_and(|issuer| issuer.issuer.is_none());
    (nameless && !app.accepted_audiences.is_empty())
        .then_some("a JWT is taken only from an issuer that has an `issuer`, and the app's has none")
}

fn of_environment(environment: &EnvironmentConfig) -> Vec<(&'static str, &'static str)> {
    let strategy = environment.strategy;
    let found = [
        (
            strategy != Strategy::Ask && environment.management_api_url.is_some(),
            "management_api_url",
            "only strategy = \"ask\" asks a management API",
        ),
        (
            strategy != Strategy::TokenExchange && environment.token_exchange.is_some(),
            "token_exchange",
            "only strategy = \"token_exchange\" asks a token endpoint",
        ),
        (
            strategy != Strategy::Mint && environment.algorithm.is_some(),
            "algorithm",
            "only strategy = \"mint\" signs anything here",
        ),
        (
            strategy != Strategy::Mint && environment.template.is_some(),
            "template",
            "only strategy = \"mint\" signs anything here",
        ),
    ];
    found.into_iter().filter(|(is, ..)| *is).map(|(_, name, why)| (name, why)).collect()
}
