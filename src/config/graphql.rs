//! `[graphql]`: pages of which origins may ask at `/graphql`. Judges its own origins.

use serde::Deserialize;
use url::Url;

use super::fault::ConfigFault;
use crate::app::rules;

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

fn problem(text: &str) -> Option<String> {
    let named = Url::parse(text).ok().filter(rules::is_web);
    let Some(url) = named.filter(|_| !text.contains('*')) else {
        let sentence = "must hold origins such as https://app.example.com, each by its name";
        return Some(sentence.to_owned());
    };
    let origin = url.origin().ascii_serialization();
    if origin != text {
        return Some(format!("holds an origin that no browser writes so; write it as {origin}"));
    }
    (url.scheme() == "http" && !rules::is_loopback(&url))
        .then(|| format!("must be https, because tokens are sent from its pages; {origin} is not"))
}
