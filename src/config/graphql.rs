//! `[graphql]`: pages of which origins may ask at `/graphql`. Judges its own origins.

use serde::Deserialize;

use super::fault::ConfigFault;
use super::origin::problem;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GraphqlConfig {
    /// As browsers write them; compared letter by letter.
    pub allowed_origins: Vec<String>,
}

impl GraphqlConfig {
    pub(super) fn judge(&self, faults: &mut Vec<ConfigFault>) {
        for origin in &self.allowed_origins {
            if let Some(problem) = problem(origin) {
                faults.push(ConfigFault::new("graphql.allowed_origins", problem));
            }
        }
    }
}
