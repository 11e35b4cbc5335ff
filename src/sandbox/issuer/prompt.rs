//! An authorization request that holds: its client, its way back, and what it asks for.

use std::collections::BTreeSet;

use url::Url;

use super::book::{Grant, Session};
use super::params::{Params, Refusal};
use super::redirect::WayBack;
use super::{Client, Issuer, pages};

/// A checked authorization request.
pub(super) struct Prompt {
    pub client: Client,
    pub way_back: WayBack,
    pub redirect_uri: String,
    pub challenge: String,
    pub params: Params,
    scope: BTreeSet<String>,
    audience: Option<String>,
}

impl Prompt {
    /// Reads a request. Until client and redirect URI are known to fit, errors stay on a page of ours.
    pub(super) fn read(issuer: &Issuer, params: Params) -> Result<Self, Refusal> {
        let known = params.get("client_id").and_then(|id| issuer.settings().client(id).cloned());
        let Some(client) = known else {
            return Err(pages::refusal(
                "Unknown client",
                "No client with this client_id is registered here.",
            )
            .into());
        };
        let redirect_uri = params.get("redirect_uri").unwrap_or_default().to_owned();
        let uri = Url::parse(&redirect_uri).ok().filter(|_| client.redirect_uris.contains(&redirect_uri));
        let Some(uri) = uri else {
            return Err(pages::refusal(
                "Callback URL mismatch",
                "The redirect_uri is not among those registered for this client.",
            )
            .into());
        };
        let way_back = WayBack::new(uri, &params);
        let refuse = |error: &str, text: &str| Err(way_back.error(issuer, error, text).into());
        if let Some(name) = params.repeated() {
            return refuse("invalid_request", &format!("Parameter {name} must not be repeated"));
        }
        if params.get("response_type") != Some("code") {
            return refuse("unsupported_response_type", "Only response_type=code is supported");
        }
        let challenge = params.get("code_challenge").unwrap_or_default().to_owned();
        if params.get("code_challenge_method") != Some("S256") || challenge.len() != 43 {
            return refuse(
                "invalid_request",
                "Parameter code_challenge with code_challenge_method=S256 is required",
            );
        }
        let audience = params.get("audience").or(params.get("resource")).map(str::to_owned);
        if let Some(audience) = audience.as_ref().filter(|audience| !client.audiences.contains(audience)) {
            return refuse("access_denied", &format!("Service not found: {audience}"));
        }
        let scope = params.get("scope").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        Ok(Self { client, way_back, redirect_uri, challenge, params, scope, audience })
    }

    /// Whether `prompt` contains this word.
    pub(super) fn wants(&self, word: &str) -> bool {
        self.params.get("prompt").unwrap_or_default().split_whitespace().any(|other| other == word)
    }

    /// Whether a session is too old for `max_age`.
    pub(super) fn is_too_old(&self, issuer: &Issuer, session: &Session) -> bool {
        let max_age: Option<i64> = self.params.get("max_age").and_then(|seconds| seconds.parse().ok());
        max_age.is_some_and(|seconds| issuer.now().seconds_from(session.signed_in_at) > seconds)
    }

    /// What the person would allow.
    pub(super) fn grant(&self, session: &Session) -> Grant {
        Grant {
            client: self.client.id.clone(),
            subject: session.subject.clone(),
            scope: self.scope.clone(),
            audience: self.audience.clone(),
            nonce: self.params.get("nonce").map(str::to_owned),
            session: session.id.clone(),
            signed_in_at: session.signed_in_at,
        }
    }
}
