//! Judges what stands in an environment's section: addresses, names, rules for accounts and roles. Adds one fault for each
//! mistake. Whether there is anybody whom a rule names is not judged here; see [`super::unreachable`].

use std::collections::BTreeSet;

use super::EnvironmentConfig;
use super::fault::ConfigFault;
use crate::content::rules::AccountRule;

pub fn judge(key: &str, environment: &EnvironmentConfig, faults: &mut Vec<ConfigFault>) {
    let mut fault = |name: &str, problem: String| {
        faults.push(ConfigFault::new(format!("{key}.{name}"), problem));
    };
    if let Err(why) = environment.content_api_url() {
        fault("content_api_url", why.to_string());
    }
    if let Some(Err(why)) = environment.high_performance_url() {
        fault("high_performance_url", why.to_string());
    }
    let names = [
        ("region", &environment.region),
        ("project_name", &environment.project_name),
        ("environment_name", &environment.environment_name),
        ("default_stage", &environment.default_stage),
    ];
    for (name, value) in names {
        if value.as_ref().is_some_and(|value| !is_name(value)) {
            fault(name, "must have 1 to 128 bytes, on one line".to_owned());
        }
    }
    if let Some(accounts) = &environment.accounts {
        judge_accounts("accounts", accounts, &mut fault);
    }
    if environment.roles.is_some() && !environment.strategy.mints() {
        let problem = "is not used: the platform gives its own tokens, and they cannot be narrowed; remove one of the two";
        fault("roles", problem.to_owned());
    }
    if !environment.origins.is_empty() && !environment.strategy.mints() {
        let problem = "is not used: the platform gives its own tokens, for an access token of an app; remove one of the two";
        fault("origins", problem.to_owned());
    }
    let mut seen = BTreeSet::new();
    for (at, role) in environment.roles.iter().flatten().enumerate() {
        let place = format!("roles[{at}]");
        if !is_name(&role.name) {
            fault(&format!("{place}.name"), "must have 1 to 128 bytes, on one line".to_owned());
        }
        if !seen.insert(&role.name) {
            fault(&format!("{place}.name"), "is that of another role here".to_owned());
        }
        judge_accounts(&format!("{place}.accounts"), &role.accounts, &mut fault);
    }
}

fn judge_accounts(place: &str, accounts: &AccountRule, fault: &mut impl FnMut(&str, String)) {
    let AccountRule::Claim(rule) = accounts else { return };
    if !rule.can_be_read() {
        let problem = "must be a JSONPath (RFC 9535) into the claims, such as $.org_id";
        fault(&format!("{place}.claim"), problem.to_owned());
    }
    if rule.max_age_seconds.is_some_and(|age| age < 60) {
        fault(&format!("{place}.max_age_seconds"), "must be 60 or more".to_owned());
    }
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= 128 && !text.contains(char::is_control)
}
