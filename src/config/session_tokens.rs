//! `[session_tokens]`: which pages of the platform may ask for tokens of whoever is signed in, and how these are made.
//! Judges itself.

use serde::Deserialize;
use url::Url;

use super::PublicUrl;
use super::fault::ConfigFault;
use super::origin;
use crate::content::algorithm::Algorithm;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionTokensConfig {
    /// Of the platform's own pages, as browsers write them; compared letter by letter.
    pub allowed_origins: Vec<String>,
    /// `aud` of a session token; our own address where it is absent.
    pub audience: Option<String>,
    /// Seconds.
    pub lifetime_seconds: i64,
    /// How they are signed.
    pub algorithm: Algorithm,
}

impl Default for SessionTokensConfig {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            audience: None,
            lifetime_seconds: 60,
            algorithm: Algorithm::default(),
        }
    }
}

impl SessionTokensConfig {
    pub(super) fn judge(&self, faults: &mut Vec<ConfigFault>) {
        let mut fault = |key: &str, problem: String| {
            faults.push(ConfigFault::new(format!("session_tokens.{key}"), problem));
        };
        for problem in self.allowed_origins.iter().filter_map(|origin| origin::problem(origin)) {
            fault("allowed_origins", problem);
        }
        if self.audience.as_deref().is_some_and(|audience| audience.trim().is_empty()) {
            fault("audience", "is empty; name who the tokens are for, or leave it out".to_owned());
        }
        // A verifier that asks nobody takes a token for so long after its session has ended.
        if !(30..=300).contains(&self.lifetime_seconds) {
            fault("lifetime_seconds", "must be between 30 and 300".to_owned());
        }
    }

    /// Behind a path, the pages of its origin are the platform's.
    pub(super) fn live_behind(&mut self, public_url: &PublicUrl) {
        let origin = public_url.origin_text();
        if public_url.behind().is_some() && !self.allows(&origin) {
            self.allowed_origins.push(origin);
        }
    }

    /// Whether pages of this origin are the platform's own.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed == origin)
    }

    /// A page of one of these origins, if it is written as one: people may be sent there.
    #[must_use]
    pub fn page(&self, text: &str) -> Option<Url> {
        origin::page(&self.allowed_origins, text)
    }
}

#[cfg(test)]
mod tests {
    use super::SessionTokensConfig;

    #[test]
    fn only_pages_of_allowed_origins_are_gone_on_to() {
        let allowed_origins = vec!["https://app.example.com".to_owned()];
        let config = SessionTokensConfig { allowed_origins, ..SessionTokensConfig::default() };
        let page = |text: &str| config.page(text);
        for good in
            ["https://app.example.com/", "https://app.example.com/a?b=c#d", "https://app.example.com:443/a"]
        {
            assert!(page(good).is_some(), "{good}");
        }
        let zoo = [
            "https://app.example.com.evil.example/",
            "https://app.example.com@evil.example/",
            "https://user@app.example.com/",
            "https:\\\\app.example.com/",
            "https://app.example.com\\.evil.example/",
            "http://app.example.com/",
            "https://app.example.com:8443/",
            "//app.example.com/",
            "blob:https://app.example.com/a",
            "javascript:alert(1)//https://app.example.com/",
            " https://app.example.com/",
            "https://app.example.com/\u{0}",
            "https://ev\til.example/",
        ];
        for bad in zoo {
            assert!(page(bad).is_none(), "{bad:?}");
        }
    }
}
