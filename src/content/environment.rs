//! Environments and who may reach them. An environment that names nobody is open to nobody.

use serde_json::Value;
use serde_json_path::{JsonPath, PathElement};
use url::Url;

use super::rules::{AccountRule, Any, AppRule, ClaimRule, Strategy};
use crate::account::Account;
use crate::clock::Timestamp;

/// One (project, environment) of a content platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    pub id: String,
    pub key: String,
    pub project: String,
    pub environment: String,
    pub content_api_url: Url,
    pub management_api_url: Option<Url>,
    pub strategy: Strategy,
    pub apps: Option<AppRule>,
    pub accounts: Option<AccountRule>,
    /// Seconds a minted token lives.
    pub lifetime: i64,
    /// The template whose claims a minted token has beside ours.
    pub template: Option<String>,
}

impl Environment {
    /// Whether this app, for this account, may have a token for here at this moment.
    #[must_use]
    pub fn is_open_to(&self, app_key: &str, account: &Account, now: Timestamp) -> bool {
        let app = match &self.apps {
            None => false,
            Some(AppRule::Any(Any::Any)) => true,
            Some(AppRule::Keys(keys)) => keys.iter().any(|key| key == app_key),
        };
        let account = match &self.accounts {
            None => false,
            Some(AccountRule::Any(Any::Any)) => true,
            Some(AccountRule::Listed(listed)) => {
                listed.contains(&account.id) || listed.contains(&account.subject)
            }
            Some(AccountRule::Claim(rule)) => rule.holds_for(account, now),
        };
        app && account
    }

    /// `project/environment`, the form of the `audience` parameter.
    #[must_use]
    pub fn audience(&self) -> String {
        format!("{}/{}", self.project, self.environment)
    }
}

impl ClaimRule {
    /// Whether the person has the claim, said lately enough.
    fn holds_for(&self, account: &Account, now: Timestamp) -> bool {
        let Ok(path) = JsonPath::parse(&self.claim) else { return false };
        let claims = Value::Object(account.claims.clone());
        let Ok(Some(found)) = path.query_located(&claims).at_most_one() else { return false };
        // A claim is as old as it is, whatever in it the path leads to.
        let claim = found.location().first().and_then(PathElement::as_name).unwrap_or_default();
        let last_said = account.said_at(claim);
        if self.max_age_seconds.is_some_and(|age| last_said.plus(i64::from(age)) < now) {
            return false;
        }
        match found.node() {
            Value::Array(values) => values.contains(&self.equals),
            value => *value == self.equals,
        }
    }
}
