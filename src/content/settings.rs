//! What the configuration says of an environment beside who may reach it: its names, its second address, its default stage,
//! its roles and what is public. Stored as one JSON value; what is not in it is as if nothing had been said.

use serde::{Deserialize, Serialize};
use url::Url;

use super::permission::Permissions;
use super::rules::Role;

/// The stage that is meant where nobody names one, and no operator has said another.
const PUBLISHED: &str = "PUBLISHED";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub region: Option<String>,
    /// For people.
    pub project_name: Option<String>,
    pub environment_name: Option<String>,
    /// Beside the content API URL: the one for much reading.
    pub high_performance_url: Option<Url>,
    /// Meant by a request that names no stage, neither as argument nor by header.
    pub default_stage: String,
    /// None: whoever reaches it may do everything there.
    pub roles: Option<Vec<Role>>,
    /// What a request without a token may do; None: nothing was said.
    pub public: Option<Permissions>,
    /// Of the platform's own pages: they may have a token of whoever is signed in.
    pub origins: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            region: None,
            project_name: None,
            environment_name: None,
            high_performance_url: None,
            default_stage: PUBLISHED.to_owned(),
            roles: None,
            public: None,
            origins: Vec::new(),
        }
    }
}
