//! `[platforms.KEY]`: a host platform that vouches for its own users by signed words: by which keys, which of its backends bring
//! them, and where its users may be sent back to. Judges itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::fault::ConfigFault;
use super::issuer::IssuerConfig;
use super::origin;
use crate::app::rules;
use crate::issuer::key_set::{KeySet, trusted};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformConfig {
    /// What people are shown.
    pub name: String,
    /// `iss` of its words.
    pub issuer: String,
    pub jwks_file: Option<PathBuf>,
    /// The key set itself, as JSON.
    pub jwks: Option<String>,
    /// Where it publishes its keys.
    pub jwks_url: Option<Url>,
    /// What stood in `jwks_file` or `jwks`; None where the keys are published.
    #[serde(skip)]
    pub keys: Option<Arc<KeySet>>,
    /// Ids of the callers that may bring its words.
    #[serde(default)]
    pub callers: Vec<String>,
    /// Of pages that its users may be sent back to, as browsers write them.
    #[serde(default)]
    pub return_origins: Vec<String>,
}

impl PlatformConfig {
    /// A page of one of its origins, if it is written as one: its users may be sent there.
    #[must_use]
    pub fn page(&self, text: &str) -> Option<Url> {
        origin::page(&self.return_origins, text)
    }

    fn judge(&mut self, key: &str, allowed: &[Url], faults: &mut Vec<ConfigFault>) {
        let mut fault = |name: &str, problem: &str| {
            faults.push(ConfigFault::new(format!("platforms.{key}.{name}"), problem));
        };
        if !(1..=100).contains(&self.name.trim().chars().count()) {
            fault("name", "must have 1 to 100 characters; people are shown it");
        }
        if !(1..=255).contains(&self.issuer.len()) || self.issuer.contains(|c: char| !c.is_ascii_graphic()) {
            fault("issuer", "must be the `iss` of the platform's words: 1 to 255 characters without blanks");
        }
        if self.callers.iter().any(|caller| !caller.starts_with("ca_")) {
            fault("callers", "must hold ids of callers, which begin with ca_; `attache key list` shows them");
        }
        for problem in self.return_origins.iter().filter_map(|origin| origin::problem(origin)) {
            fault("return_origins", &problem);
        }
        match (&self.jwks_file, &self.jwks, &self.jwks_url) {
            (Some(file), None, None) => match std::fs::read_to_string(file) {
                Ok(text) => match public_keys(&text) {
                    Ok(keys) => self.keys = Some(Arc::new(keys)),
                    Err(why) => fault("jwks_file", &why),
                },
                Err(error) => fault("jwks_file", &format!("cannot be read ({error})")),
            },
            (None, Some(text), None) => match public_keys(text) {
                Ok(keys) => self.keys = Some(Arc::new(keys)),
                Err(why) => fault("jwks", &why),
            },
            (None, None, Some(url)) => {
                let named = allowed.iter().any(|origin| origin.origin() == url.origin());
                if !rules::is_web(url) || (url.scheme() != "https" && !named) {
                    fault(
                        "jwks_url",
                        "must be https; for development name its origin in outbound.allow_origins",
                    );
                }
            }
            _ => {
                fault("jwks_file", "is missing; set it, or `jwks`, or `jwks_url`, and only one of the three");
            }
        }
    }
}

/// A key set of public keys, each of which is used.
fn public_keys(text: &str) -> Result<KeySet, String> {
    let document: Value = serde_json::from_str(text).map_err(|_| "is not JSON".to_owned())?;
    let listed = document.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // RFC 7518 section 6: the members of private and of symmetric keys.
    if listed.iter().any(|key| key.get("d").is_some() || key.get("k").is_some()) {
        return Err("holds a private key; keep that at the platform, and give its public half".to_owned());
    }
    let keys = trusted(&document);
    if listed.is_empty() || keys.keys().len() < listed.len() {
        let sentence = "must be a key set (RFC 7517), each key of it RSA of 2048 bits or more, P-256, P-384 or Ed25519, and \
            for signatures";
        return Err(sentence.to_owned());
    }
    Ok(keys)
}

/// All of them, each beside the others and the issuers of the same file.
pub(super) fn judge(
    platforms: &mut BTreeMap<String, PlatformConfig>,
    issuers: &BTreeMap<String, IssuerConfig>,
    allowed: &[Url],
    faults: &mut Vec<ConfigFault>,
) {
    let mut seen = BTreeMap::new();
    for (key, platform) in platforms {
        platform.judge(key, allowed, faults);
        let mut fault = |name: &str, problem: String| {
            faults.push(ConfigFault::new(format!("platforms.{key}{name}"), problem));
        };
        if !rules::is_key(key) {
            fault("", "must be named by lower-case letters, digits, `-` and `_` only".to_owned());
        }
        if issuers.values().any(|issuer| issuer.issuer.as_deref() == Some(platform.issuer.as_str())) {
            let problem = "is an issuer of [issuers]; a platform speaks under a name of its own".to_owned();
            fault(".issuer", problem);
        }
        if let Some(other) = seen.insert(platform.issuer.clone(), key) {
            fault(".issuer", format!("is that of platforms.{other} too; each has its own"));
        }
    }
}
