//! What the configuration file says of an environment: where its tokens come from, who may reach it, and which role lets
//! them do what. Judges nobody; see [`super::environment`].

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json_path::JsonPath;

use super::permission::Permissions;

/// The longest life of a content token that is minted, in seconds.
pub const LONGEST_LIFE: i64 = 86_400;

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
    utoipa::ToSchema,
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
    /// The platform's token endpoint gives them for the person's access token (RFC 8693).
    #[serde(rename = "token_exchange")]
    #[strum(serialize = "token_exchange")]
    TokenExchange,
}

impl Strategy {
    /// Whether they are made here: nothing narrows those of another platform.
    #[must_use]
    pub const fn mints(self) -> bool {
        matches!(self, Self::Mint)
    }
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

/// What some accounts may do at an environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    pub name: String,
    pub accounts: AccountRule,
    pub permissions: Permissions,
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
}
