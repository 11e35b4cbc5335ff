//! What is known of issuers before anybody measured: for each preset the habits that its makers document or that were seen
//! (`docs/issuers/`), and nothing else. A habit that nobody knows is the careful one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use url::Url;

use super::profile::{AudienceParameter, Pkce, Profile, Reach, Rotation, calls_at_once, rotating};
use super::scope::Scopes;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    #[default]
    Generic,
    Auth0,
    /// Auth0 as it treats third-party apps since April 2026: no OpenID scopes, no userinfo, known parameters only.
    Auth0Strict,
    Dex,
    Entra,
    Github,
    Google,
    Hydra,
    Keycloak,
    Slack,
}

impl Preset {
    /// Of the issuer whose address this is, where its makers run it themselves.
    #[must_use]
    pub fn of_host(host: &str) -> Self {
        match host {
            "accounts.google.com" => Self::Google,
            "github.com" => Self::Github,
            "login.microsoftonline.com" => Self::Entra,
            "slack.com" => Self::Slack,
            _ if host.ends_with(".auth0.com") => Self::Auth0,
            _ => Self::Generic,
        }
    }
}

const DAY: u32 = 86_400;
/// The shortest that six months can be taken for.
const SIX_MONTHS: u32 = 180 * DAY;
/// Of one person and client, at Auth0.
const AUTH0_LIVE_REFRESH_TOKENS: u32 = 200;
/// Of one person and client, at Google.
const GOOGLE_LIVE_REFRESH_TOKENS: u32 = 100;
/// Where its metadata name endpoints, beside the issuer's own origin.
const GOOGLE_ORIGINS: [&str; 3] =
    ["https://oauth2.googleapis.com", "https://openidconnect.googleapis.com", "https://www.googleapis.com"];
/// The scopes of OpenID Connect Core 1.0 section 5.4, which Auth0 refuses to third-party apps.
const OPENID_SCOPES: [&str; 5] = ["openid", "profile", "email", "address", "phone"];
/// What Auth0 takes from a third-party app beside what Attaché sets itself, and beside `ext-…`.
const AUTH0_STRICT_PARAMETERS: [&str; 12] = [
    "acr_values",
    "audience",
    "authorization_details",
    "connection",
    "correlation_id",
    "display",
    "dpop_jkt",
    "login_hint",
    "max_age",
    "prompt",
    "resource",
    "ui_locales",
];

impl Profile {
    #[must_use]
    pub fn of(preset: Preset) -> Self {
        let generic = Self {
            preset,
            pkce: Pkce::Always,
            audience_parameter: AudienceParameter::Resource,
            revocation_reach: Reach::Unknown,
            rotation: rotating(),
            leeway_seconds: 0,
            refresh_idle_seconds: None,
            refresh_life_seconds: None,
            live_refresh_tokens: None,
            dead_words: BTreeSet::new(),
            scope_separator: None,
            calls_at_once: calls_at_once(),
            prompts: None,
            endpoint_origins: BTreeSet::new(),
            introspection: false,
            introspection_url: None,
        };
        match preset {
            Preset::Generic => generic,
            Preset::Auth0 | Preset::Auth0Strict => Self {
                audience_parameter: AudienceParameter::Audience,
                revocation_reach: Reach::Family,
                refresh_idle_seconds: Some(30 * DAY),
                refresh_life_seconds: Some(30 * DAY),
                live_refresh_tokens: Some(AUTH0_LIVE_REFRESH_TOKENS),
                ..generic
            },
            // A new consent ends the token of the one before, and its word for a spent token is not the standard one.
            Preset::Dex => Self {
                live_refresh_tokens: Some(1),
                dead_words: BTreeSet::from(["invalid_request".to_owned()]),
                ..generic
            },
            // Each use gives another token and leaves the one before good.
            Preset::Entra => Self {
                revocation_reach: Reach::None,
                rotation: Rotation::Reusable,
                refresh_idle_seconds: Some(90 * DAY),
                endpoint_origins: origins(&["https://graph.microsoft.com"]),
                ..generic
            },
            // Its way to end a grant is not RFC 7009's.
            Preset::Github => {
                Self { revocation_reach: Reach::None, refresh_idle_seconds: Some(SIX_MONTHS), ..generic }
            }
            Preset::Google => Self {
                rotation: Rotation::Reusable,
                refresh_idle_seconds: Some(SIX_MONTHS),
                live_refresh_tokens: Some(GOOGLE_LIVE_REFRESH_TOKENS),
                // Its metadata does not say that it refuses `login`, and with it the whole request.
                prompts: Some(BTreeSet::from(["consent", "select_account"].map(str::to_owned))),
                endpoint_origins: origins(&GOOGLE_ORIGINS),
                ..generic
            },
            Preset::Hydra => Self {
                audience_parameter: AudienceParameter::Audience,
                revocation_reach: Reach::Family,
                refresh_idle_seconds: Some(30 * DAY),
                ..generic
            },
            // Consents of one browser share its session, and a revoke ends the session.
            Preset::Keycloak => {
                Self { revocation_reach: Reach::Grant, refresh_idle_seconds: Some(30 * DAY), ..generic }
            }
            // Its way to end a token is not RFC 7009's.
            Preset::Slack => Self { revocation_reach: Reach::None, ..generic },
        }
    }

    /// Why the issuer would refuse every authorization request of an app with these scopes and parameters.
    #[must_use]
    pub fn refuses(&self, scopes: &Scopes, extras: &BTreeMap<String, String>) -> Option<String> {
        if self.preset != Preset::Auth0Strict {
            return None;
        }
        if let Some(scope) = OPENID_SCOPES.into_iter().find(|scope| scopes.contains(scope)) {
            return Some(format!(
                "The profile `auth0-strict` grants no `{scope}` to third-party apps; leave the scope out."
            ));
        }
        let known = |name: &str| AUTH0_STRICT_PARAMETERS.contains(&name) || name.starts_with("ext-");
        let extra = extras.keys().find(|name| !known(name))?;
        Some(format!("The profile `auth0-strict` refuses requests with `{extra}`; leave the parameter out."))
    }
}

fn origins(all: &[&str]) -> BTreeSet<Url> {
    all.iter().filter_map(|origin| Url::parse(origin).ok()).collect()
}
