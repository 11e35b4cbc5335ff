//! A template as the configuration file says it, as the table keeps it and as a command carries it. Judges nothing; see [`super::Template::parse`].

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::content::algorithm::Algorithm;

/// `[templates.NAME]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// JSON, in whose texts shortcodes stand.
    #[serde(default)]
    pub claims: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// The claim that holds what a preset makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(default = "one_minute")]
    pub lifetime_seconds: i64,
    /// By how much a verifier's clock may be behind ours: `nbf` is that much before `iat`.
    #[serde(default = "five_seconds")]
    pub clock_skew_seconds: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Audience>,
    /// How its tokens are signed.
    #[serde(default)]
    pub algorithm: Algorithm,
}

/// Claims of a form that an API documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    Hasura,
}

/// `aud`, one or several. RFC 7519 section 4.1.3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    /// Whether it names nobody, or somebody by an empty text.
    #[must_use]
    pub fn is_void(&self) -> bool {
        match self {
            Self::One(audience) => audience.is_empty(),
            Self::Several(audiences) => audiences.is_empty() || audiences.iter().any(String::is_empty),
        }
    }
}

const fn one_minute() -> i64 {
    60
}

const fn five_seconds() -> i64 {
    5
}
