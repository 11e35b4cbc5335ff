//! Environments and who may reach them. An environment that names nobody is open to nobody.

use serde_json::Value;
use serde_json_path::{JsonPath, PathElement};
use url::Url;

use super::algorithm::Algorithm;
use super::permission::Permissions;
use super::rules::{AccountRule, Any, AppRule, ClaimRule, Strategy};
use super::settings::Settings;
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
    pub settings: Settings,
    /// Whether an operator opened it to requests without a token, as documented.
    pub public_defaults: bool,
    pub signing: Signing,
    /// The template whose claims a minted token has beside ours.
    pub template: Option<String>,
}

/// How a minted token is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signing {
    pub algorithm: Algorithm,
    /// Until verifiers can know the first key of that; None where there was none.
    pub before: Option<Algorithm>,
}

impl Environment {
    /// Whether this app, for this account, may have a token for here at this moment.
    #[must_use]
    pub fn is_open_to(&self, app_key: &str, account: &Account, now: Timestamp) -> bool {
        self.names(app_key) && !self.permissions_of(account, now).is_empty()
    }

    /// Whether pages of this origin may have a token of whoever is signed in.
    #[must_use]
    pub fn is_open_to_pages_of(&self, origin: &str) -> bool {
        self.settings.origins.iter().any(|named| named == origin)
    }

    fn names_account(&self, account: &Account, now: Timestamp) -> bool {
        match (&self.accounts, &self.settings.roles) {
            (Some(rule), _) => rule.holds_for(account, now),
            // Then whoever has a role is named by it.
            (None, roles) => roles.is_some(),
        }
    }

    fn names(&self, app_key: &str) -> bool {
        match &self.apps {
            None => false,
            Some(AppRule::Any(Any::Any)) => true,
            Some(AppRule::Keys(keys)) => keys.iter().any(|key| key == app_key),
        }
    }

    /// What the operator lets anybody do here by an app, whoever has which role.
    #[must_use]
    pub fn at_most(&self, app_key: &str) -> Permissions {
        match &self.settings.roles {
            _ if !self.names(app_key) => Permissions::default(),
            Some(roles) => roles.iter().flat_map(|role| role.permissions.iter().cloned()).collect(),
            None if self.accounts.is_some() => Permissions::all(),
            None => Permissions::default(),
        }
    }

    /// What the operator lets an account do here: what its roles say, or everything where there are no roles. Nothing where
    /// the account is not named.
    #[must_use]
    pub fn permissions_of(&self, account: &Account, now: Timestamp) -> Permissions {
        if !self.names_account(account, now) {
            return Permissions::default();
        }
        let Some(roles) = &self.settings.roles else { return Permissions::all() };
        let held = roles.iter().filter(|role| role.accounts.holds_for(account, now));
        held.flat_map(|role| role.permissions.iter().cloned()).collect()
    }

    /// What a request without a token may do here.
    #[must_use]
    pub fn public_permissions(&self) -> Permissions {
        match &self.settings.public {
            Some(permissions) => permissions.clone(),
            None if self.public_defaults => Permissions::public_defaults(),
            None => Permissions::default(),
        }
    }

    /// The addresses by which the content API of this environment is known.
    #[must_use]
    pub fn addresses(&self) -> Vec<&str> {
        let second = self.settings.high_performance_url.as_ref();
        [Some(&self.content_api_url), second].into_iter().flatten().map(Url::as_str).collect()
    }

    /// What people call the project and the environment.
    #[must_use]
    pub fn in_words(&self) -> (&str, &str) {
        let Settings { project_name, environment_name, .. } = &self.settings;
        (
            project_name.as_ref().unwrap_or(&self.project),
            environment_name.as_ref().unwrap_or(&self.environment),
        )
    }

    /// `project/environment`, the form of the `audience` parameter.
    #[must_use]
    pub fn audience(&self) -> String {
        format!("{}/{}", self.project, self.environment)
    }
}

impl AccountRule {
    fn holds_for(&self, account: &Account, now: Timestamp) -> bool {
        match self {
            Self::Any(Any::Any) => true,
            Self::Listed(listed) => {
                let known_as = [Some(account.id.as_str()), account.sign_in_subject()];
                known_as.into_iter().flatten().any(|name| listed.iter().any(|listed| listed == name))
            }
            Self::Claim(rule) => rule.holds_for(account, now),
        }
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
