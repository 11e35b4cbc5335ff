//! The habits of an issuer, as values that an operator can override one by one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use url::Url;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    #[default]
    Generic,
    Auth0,
}

/// Whether authorization requests carry a code challenge (RFC 7636, S256). There is no fallback between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pkce {
    Always,
    Never,
}

/// The authorization parameter that carries an app's audience: Auth0's `audience` or RFC 8707's `resource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudienceParameter {
    Audience,
    Resource,
}

impl AudienceParameter {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audience => "audience",
            Self::Resource => "resource",
        }
    }
}

/// What dies at the issuer when one refresh token is revoked there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// That token only.
    Token,
    /// All tokens that came from the same consent by rotation.
    Family,
    /// Every refresh token of the same person and client (Auth0 with deletes-grant).
    Grant,
    /// The issuer has no revocation.
    None,
}

/// All habits of one issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub preset: Preset,
    pub pkce: Pkce,
    pub audience_parameter: AudienceParameter,
    pub revocation_reach: Reach,
    /// Seconds for which the issuer takes a spent refresh token once more (Auth0's leeway); 0 when it never does.
    #[serde(default)]
    pub leeway_seconds: u32,
    /// Origins other than the issuer's own that its metadata may name as endpoints.
    #[serde(default)]
    pub endpoint_origins: BTreeSet<Url>,
}

impl Profile {
    #[must_use]
    pub const fn of(preset: Preset) -> Self {
        let (audience_parameter, revocation_reach) = match preset {
            Preset::Generic => (AudienceParameter::Resource, Reach::Token),
            Preset::Auth0 => (AudienceParameter::Audience, Reach::Family),
        };
        Self {
            preset,
            pkce: Pkce::Always,
            audience_parameter,
            revocation_reach,
            leeway_seconds: 0,
            endpoint_origins: BTreeSet::new(),
        }
    }
}
