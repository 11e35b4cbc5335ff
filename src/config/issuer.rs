//! `[issuers.KEY]`: where an issuer is, and what of its profile's habits is otherwise. Judges its own numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::fault::ConfigFault;
use crate::issuer::SaidUrls;
use crate::issuer::management_api::Management;
use crate::issuer::profile::{AudienceParameter, Pkce, Preset, Profile, Reach, Rotation};
use crate::issuer::scope::Separator;
use crate::secret::Token;

/// By discovery (`issuer`), whose metadata the URLs beside it win over, or by explicit URLs alone. A habit that is not said is the profile's.
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
    /// Whether it is asked what an opaque access token is that a caller brings (RFC 7662).
    #[serde(default)]
    pub introspection: bool,
    pub introspection_url: Option<Url>,
    /// Origins other than the issuer's own that its metadata may name as endpoints.
    #[serde(default)]
    pub endpoint_origins: Vec<Url>,
    #[serde(default)]
    pub profile: Preset,
    pub pkce: Option<Pkce>,
    pub audience_parameter: Option<AudienceParameter>,
    pub revocation_reach: Option<Reach>,
    /// The client that may delete grants by the Management API, with its secret; then that is how a revoke is told.
    pub management_client_id: Option<String>,
    pub management_client_secret: Option<Token>,
    pub management_client_secret_file: Option<PathBuf>,
    /// Where that API is; `api/v2/` of the issuer when nothing is said.
    pub management_url: Option<Url>,
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
    /// What it writes between granted scopes, beside blanks.
    pub scope_separator: Option<Separator>,
    /// Refreshes that are asked of it at one time.
    pub calls_at_once: Option<u16>,
    /// The `prompt` values that it knows.
    pub prompts: Option<BTreeSet<String>>,
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
            dead_words: &self.dead_words | &preset.dead_words,
            scope_separator: self.scope_separator.or(preset.scope_separator),
            calls_at_once: self.calls_at_once.unwrap_or(preset.calls_at_once),
            prompts: self.prompts.clone().or(preset.prompts).or_else(|| self.known_prompts()),
            endpoint_origins: self.endpoint_origins.iter().cloned().chain(preset.endpoint_origins).collect(),
            introspection: self.introspection,
            introspection_url: self.introspection_url.clone(),
            preset: preset.preset,
        }
    }

    /// Whatever profile is said: a prompt that the issuer refuses costs the whole request.
    fn known_prompts(&self) -> Option<BTreeSet<String>> {
        let identifier = Url::parse(self.issuer.as_deref()?).ok()?;
        Profile::of(Preset::of_host(identifier.host_str()?)).prompts
    }

    /// Its addresses, by their keys here.
    pub(super) fn urls(&self) -> [(&'static str, Option<&Url>); 6] {
        [
            ("authorization_url", self.authorization_url.as_ref()),
            ("token_url", self.token_url.as_ref()),
            ("userinfo_url", self.userinfo_url.as_ref()),
            ("revocation_url", self.revocation_url.as_ref()),
            ("jwks_url", self.jwks_url.as_ref()),
            ("introspection_url", self.introspection_url.as_ref()),
        ]
    }

    /// The addresses that win over the metadata's.
    #[must_use]
    pub fn said(&self) -> SaidUrls {
        SaidUrls {
            authorization: self.authorization_url.clone(),
            token: self.token_url.clone(),
            userinfo: self.userinfo_url.clone(),
            revocation: self.revocation_url.clone(),
            jwks: self.jwks_url.clone(),
        }
    }

    /// How grants are deleted there, where that is how a revoke is told.
    #[must_use]
    pub fn management(&self) -> Option<Management> {
        let issuer = || Url::parse(self.issuer.as_ref()?).ok()?.join("api/v2/").ok();
        Some(Management {
            url: self.management_url.clone().or_else(issuer)?,
            client_id: self.management_client_id.clone()?,
            client_secret: self.management_client_secret.clone()?,
        })
    }

    pub(super) fn judge_management(&self, key: &str, faults: &mut Vec<ConfigFault>) {
        match (&self.management_client_id, &self.management_client_secret) {
            (Some(_), Some(_)) if self.issuer.is_none() => {
                let problem = "needs `issuer`: grants are deleted at an issuer that is found by discovery";
                faults.push(ConfigFault::new(format!("{key}.management_client_id"), problem));
            }
            (Some(_), Some(_)) if self.profile().revocation_reach != Reach::Grant => {
                let problem =
                    "must be \"grant\" where grants are deleted: that ends everything of a person and client";
                faults.push(ConfigFault::new(format!("{key}.revocation_reach"), problem));
            }
            (None, None) | (Some(_), Some(_)) => {}
            (Some(_), None) => faults.push(ConfigFault::new(
                format!("{key}.management_client_secret"),
                "is missing; set it, or management_client_secret_file",
            )),
            (None, Some(_)) => {
                faults.push(ConfigFault::new(format!("{key}.management_client_id"), "is missing; set it"));
            }
        }
        if self.management_url.as_ref().is_some_and(|url| !url.path().ends_with('/')) {
            let problem = "must end with a slash, as the API's audience does";
            faults.push(ConfigFault::new(format!("{key}.management_url"), problem));
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
        if self.introspection && self.issuer.is_none() {
            let problem =
                "needs `issuer`: what is said of a token names a person only at an issuer that has a name";
            faults.push(ConfigFault::new(format!("{key}.introspection"), problem));
        }
        let is_word =
            |word: &String| !word.is_empty() && word.len() <= 64 && !word.contains(char::is_whitespace);
        if !self.dead_words.iter().all(is_word) {
            let problem = "holds what is no error word; an error word has 1 to 64 characters and no space";
            faults.push(ConfigFault::new(format!("{key}.dead_words"), problem));
        }
    }
}
