//! Environments and who may reach them. An environment that names nobody is open to nobody.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json_path::{JsonPath, PathElement};
use url::Url;

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
}

/// Where its content tokens come from.
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
pub enum Strategy {
    /// We sign them; the platform judges them by our published keys.
    #[default]
    Mint,
    /// The platform's management API gives them for the person's access token.
    Ask,
}

/// Which apps may reach an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AppRule {
    Any(Any),
    /// Keys of apps.
    Keys(Vec<String>),
}

/// Which accounts may reach an environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AccountRule {
    Any(Any),
    /// Account ids or subjects at the sign-in issuer.
    Listed(Vec<String>),
    Claim(ClaimRule),
}

/// The word `any`, and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Any {
    #[serde(rename = "any")]
    Any,
}

/// A claim of the person, as last said, that must have a value, or hold it in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimRule {
    /// A `JSONPath` into the claims, such as `$.org_id`.
    pub claim: String,
    pub equals: Value,
    /// Seconds after which what nobody has said again holds no more; None for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<u32>,
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

impl AccountRule {
    /// Whether it goes by a claim, and takes it however old it is.
    #[must_use]
    pub const fn is_ageless(&self) -> bool {
        matches!(self, Self::Claim(ClaimRule { max_age_seconds: None, .. }))
    }
}

impl ClaimRule {
    /// Whether `claim` is a path at all; one that is none holds for nobody.
    #[must_use]
    pub fn can_be_read(&self) -> bool {
        JsonPath::parse(&self.claim).is_ok()
    }

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
