//! `[issuers.KEY]`: where an issuer is, and what of its profile's habits is otherwise. Judges its own numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use url::Url;

use super::ConfigFault;
use crate::issuer::profile::{AudienceParameter, Pkce, Preset, Profile, Reach, Rotation};

/// By discovery (`issuer`) or by explicit URLs. A habit that is not said is the profile's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// What people are shown.
    pub name: Option<String>,
    /// The issuer identifier, exactly as it stands in the metadata: the trailing slash counts.
    pub issuer: Option<String>,
    pub authorization_url: Option<Url>,
    pub token_url: Option<Url>,
    pub userinfo_url: Option<Url>,
    pub revocation_url: Option<Url>,
    pub jwks_url: Option<Url>,
    /// Origins other than the issuer's own that its metadata may name as endpoints.
    #[serde(default)]
    pub endpoint_origins: Vec<Url>,
    #[serde(default)]
    pub profile: Preset,
    pub pkce: Option<Pkce>,
    pub audience_parameter: Option<AudienceParameter>,
    pub revocation_reach: Option<Reach>,
    pub rotation: Option<Rotation>,
    /// Seconds for which it takes a spent refresh token once more.
    pub leeway_seconds: Option<u32>,
    /// Seconds after which an unused refresh token is dead; 0 for never.
    pub refresh_idle_seconds: Option<u32>,
    /// Seconds from the consent to the end of every refresh token; 0 for none.
    pub refresh_life_seconds: Option<u32>,
    /// Refresh tokens one person can have alive for one client; 0 for any number.
    pub live_refresh_tokens: Option<u32>,
    /// Its words for a dead grant, beside `invalid_grant`.
    #[serde(default)]
    pub dead_words: BTreeSet<String>,
    /// Refreshes that are asked of it at one time.
    pub calls_at_once: Option<u16>,
    /// What each scope lets an app do, in human words.
    #[serde(default)]
    pub scope_descriptions: BTreeMap<String, String>,
}

impl IssuerConfig {
    /// The preset's habits with what was said beside it.
    #[must_use]
    pub fn profile(&self) -> Profile {
        let preset = Profile::of(self.profile);
        // Zero says that there is none, also where the preset has one.
        let or_none = |said: Option<u32>, preset: Option<u32>| said.or(preset).filter(|number| *number > 0);
        Profile {
            pkce: self.pkce.unwrap_or(preset.pkce),
            audience_parameter: self.audience_parameter.unwrap_or(preset.audience_parameter),
            revocation_reach: self.revocation_reach.unwrap_or(preset.revocation_reach),
            rotation: self.rotation.unwrap_or(preset.rotation),
            leeway_seconds: self.leeway_seconds.unwrap_or(preset.leeway_seconds),
            refresh_idle_seconds: or_none(self.refresh_idle_seconds, preset.refresh_idle_seconds),
            refresh_life_seconds: or_none(self.refresh_life_seconds, preset.refresh_life_seconds),
            live_refresh_tokens: or_none(self.live_refresh_tokens, preset.live_refresh_tokens),
            dead_words: self.dead_words.clone(),
            calls_at_once: self.calls_at_once.unwrap_or(preset.calls_at_once),
            endpoint_origins: self.endpoint_origins.iter().cloned().collect(),
            preset: preset.preset,
        }
    }

    /// What the shape of a value does not tell.
    pub(super) fn judge_habits(&self, key: &str, faults: &mut Vec<ConfigFault>) {
        if self.calls_at_once.is_some_and(|calls| !(1..=1024).contains(&calls)) {
            faults.push(ConfigFault::new(format!("{key}.calls_at_once"), "must be between 1 and 1024"));
        }
        if self.profile == Preset::Auth0Strict && self.pkce == Some(Pkce::Never) {
            let problem = "cannot be \"never\": the profile auth0-strict demands PKCE; leave it out";
            faults.push(ConfigFault::new(format!("{key}.pkce"), problem));
        }
        let is_word =
            |word: &String| !word.is_empty() && word.len() <= 64 && !word.contains(char::is_whitespace);
        if !self.dead_words.iter().all(is_word) {
            let problem = "holds what is no error word; an error word has 1 to 64 characters and no space";
            faults.push(ConfigFault::new(format!("{key}.dead_words"), problem));
        }
    }
}
