//! Writes the authorization URL. RFC 6749 section 4.1.1, RFC 7636 section 4.3.

use std::collections::BTreeMap;

use oauth2::basic::BasicClient;
use oauth2::{AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope};
use serde::{Deserialize, Serialize};
use url::Url;

use super::address;
use super::authorization_server::Issuer;
use super::endpoints::Endpoints;
use super::profile::{AudienceParameter, Pkce};
use super::scope::Scopes;
use crate::secret::Token;

/// Parameters that are ours to set; `authorization_url_extras` may not name them.
pub const RESERVED_PARAMETERS: [&str; 11] = [
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "request",
    "request_uri",
];

/// What the issuer is to ask the person, whatever it knows of them already. OpenID Connect Core 1.0 section 3.1.2.1.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Prompt {
    /// Which account they mean.
    SelectAccount,
    /// To sign in anew.
    Login,
}

impl Prompt {
    /// Its word, as far as the issuer knows it; else the other one, for either has it ask something. None where it is known
    /// to know neither.
    #[must_use]
    pub fn word(self, issuer: &Issuer, endpoints: &Endpoints) -> Option<&'static str> {
        let both: [&'static str; 2] = match self {
            Self::SelectAccount => [Self::SelectAccount.into(), Self::Login.into()],
            Self::Login => [Self::Login.into(), Self::SelectAccount.into()],
        };
        let known = issuer.profile.prompts.as_ref().or(endpoints.prompts.as_ref());
        both.into_iter().find(|word| known.is_none_or(|known| known.contains(*word)))
    }
}

pub struct AuthorizationRequest<'a> {
    pub client_id: &'a str,
    pub redirect_uri: &'a Url,
    pub scopes: &'a Scopes,
    pub state: &'a Token,
    pub nonce: &'a Token,
    pub verifier: &'a Token,
    pub pkce: Pkce,
    pub audience: Option<(AudienceParameter, &'a str)>,
    pub prompt: Option<&'a str>,
    pub extras: &'a BTreeMap<String, String>,
}

/// The issuer's authorization endpoint with the request. Its own parameters are kept, but for those that we set.
#[must_use]
pub fn authorization_url(endpoints: &Endpoints, request: &AuthorizationRequest<'_>) -> Url {
    let mut bare = endpoints.authorization.clone();
    bare.set_query(None);
    let client = BasicClient::new(ClientId::new(request.client_id.to_owned()))
        .set_auth_uri(AuthUrl::from_url(bare))
        .set_redirect_uri(RedirectUrl::from_url(request.redirect_uri.clone()));
    let mut url = client
        .authorize_url(|| CsrfToken::new(request.state.expose().to_owned()))
        .add_scopes(request.scopes.iter().map(|scope| Scope::new(scope.to_owned())));
    if request.pkce == Pkce::Always {
        let verifier = PkceCodeVerifier::new(request.verifier.expose().to_owned());
        url = url.set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
    }
    if request.scopes.contains("openid") {
        url = url.add_extra_param("nonce", request.nonce.expose());
    }
    if let Some((parameter, audience)) = request.audience {
        url = url.add_extra_param(parameter.name(), audience);
    }
    if let Some(prompt) = request.prompt {
        url = url.add_extra_param("prompt", with_the_apps(prompt, request.extras));
    }
    for (name, value) in request.extras {
        let ours = name == "prompt" && request.prompt.is_some();
        if !ours && !RESERVED_PARAMETERS.contains(&name.as_str()) {
            url = url.add_extra_param(name, value);
        }
    }
    let ours: Vec<(String, String)> = url.url().0.query_pairs().into_owned().collect();
    let ours: Vec<(&str, &str)> = ours.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    address::with(&endpoints.authorization, &ours)
}

/// Beside what the app always has its issuer ask; a word that forbids every question goes.
fn with_the_apps(word: &str, extras: &BTreeMap<String, String>) -> String {
    let always = extras.get("prompt").map(String::as_str).unwrap_or_default();
    let others = always.split_whitespace().filter(|other| *other != word && *other != "none");
    std::iter::once(word).chain(others).collect::<Vec<_>>().join(" ")
}
