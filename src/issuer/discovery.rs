//! The endpoints of an issuer: from its metadata (OpenID Connect Discovery 1.0, RFC 8414), judged and kept.
//! How it is kept is said in [`super::last_good`].

use std::sync::Arc;

use serde_json::Value;
use url::Url;

use super::blot::quote;
use super::key_set::CachedKeys;
use super::last_good::{LastGood, Terms};
use super::{Issuer, IssuerFault, Issuers, Whereabouts};

/// Seconds after which the metadata is asked for again.
const FRESH_FOR: i64 = 3600;

/// What is kept of one issuer between requests.
#[derive(Debug, Default)]
pub struct Known {
    endpoints: LastGood<Endpoints>,
    pub(super) keys: CachedKeys,
}

/// Where an issuer is spoken to.
#[derive(Clone, Debug)]
pub struct Endpoints {
    pub identifier: Option<String>,
    pub authorization: Url,
    pub token: Url,
    pub userinfo: Option<Url>,
    pub revocation: Option<Url>,
    pub jwks: Option<Url>,
    pub end_session: Option<Url>,
    /// It says that it sends `iss` with every authorization answer (RFC 9207).
    pub sends_iss: bool,
}

/// The endpoints of an issuer, from memory while they are fresh.
///
/// # Errors
/// When there is no good copy and none can be had.
pub async fn endpoints(issuers: &Issuers, issuer: &Issuer) -> Result<Arc<Endpoints>, IssuerFault> {
    let identifier = match &issuer.whereabouts {
        Whereabouts::Explicit(urls) => {
            let urls = urls.as_ref().clone();
            return Ok(Arc::new(Endpoints {
                identifier: None,
                authorization: urls.authorization,
                token: urls.token,
                userinfo: urls.userinfo,
                revocation: urls.revocation,
                jwks: urls.jwks,
                end_session: None,
                sends_iss: false,
            }));
        }
        Whereabouts::Discovery { identifier } => identifier,
    };
    let known = issuers.known(identifier);
    let terms = Terms { clock: &issuers.clock, whom: identifier, fresh_for: FRESH_FOR };
    let fetching = || {
        let (issuers, issuer, identifier) = (issuers.clone(), issuer.clone(), identifier.clone());
        async move { fetch(&issuers, &issuer, &identifier).await }
    };
    known.endpoints.get(terms, fetching).await
}

/// The endpoints if a good copy is already here; asks nobody.
#[must_use]
pub fn last_known(issuers: &Issuers, issuer: &Issuer) -> Option<Arc<Endpoints>> {
    issuer.identifier().and_then(|identifier| issuers.known(identifier).endpoints.last())
}

/// The issuer's last failure, if it is in trouble; asks nobody.
#[must_use]
pub fn trouble(issuers: &Issuers, issuer: &Issuer) -> Option<String> {
    issuers.known(issuer.identifier()?).endpoints.trouble().map(|fault| fault.to_string())
}

/// What an issuer publishes about itself, unjudged, and the URL that its identifier is. OpenID Connect Discovery 1.0
/// section 4 first, then RFC 8414 section 3.
pub(super) async fn document(issuers: &Issuers, identifier: &str) -> Result<(Url, Value), IssuerFault> {
    let base = Url::parse(identifier).map_err(|_| IssuerFault::Odd("the issuer is no URL".to_owned()))?;
    let openid = appended(&base, "/.well-known/openid-configuration");
    let document = match issuers.http.get_json(&openid).await {
        Ok(document) => document,
        Err(first) => {
            let oauth = inserted(&base, "/.well-known/oauth-authorization-server");
            issuers.http.get_json(&oauth).await.map_err(|_| first)?
        }
    };
    Ok((base, document))
}

async fn fetch(issuers: &Issuers, issuer: &Issuer, identifier: &str) -> Result<Endpoints, IssuerFault> {
    let (base, document) = document(issuers, identifier).await?;
    if document.get("issuer").and_then(Value::as_str) != Some(identifier) {
        let sentence = "the metadata names another issuer than was configured";
        return Err(IssuerFault::Untrusted(sentence.to_owned()));
    }
    let required = |name: &str| {
        let absent = || IssuerFault::Odd(format!("the issuer's metadata holds no `{name}` that can be used"));
        endpoint(&document, name).ok_or_else(absent)
    };
    let endpoints = Endpoints {
        identifier: Some(identifier.to_owned()),
        authorization: required("authorization_endpoint")?,
        token: required("token_endpoint")?,
        userinfo: endpoint(&document, "userinfo_endpoint"),
        revocation: endpoint(&document, "revocation_endpoint"),
        jwks: endpoint(&document, "jwks_uri"),
        end_session: endpoint(&document, "end_session_endpoint"),
        sends_iss: document.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)),
    };
    refuse_foreign(issuer, &base, &endpoints)?;
    Ok(endpoints)
}

/// A member that is null, empty or no address is as if it was not there.
fn endpoint(document: &Value, name: &str) -> Option<Url> {
    let url = Url::parse(document.get(name)?.as_str()?.trim()).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// One that leads elsewhere is not left out like that: what a person stops would quietly be told to nobody, and whom an
/// access token names would quietly be nobody. The operator says whether it is the issuer's.
fn refuse_foreign(issuer: &Issuer, base: &Url, endpoints: &Endpoints) -> Result<(), IssuerFault> {
    let optional = [&endpoints.userinfo, &endpoints.revocation, &endpoints.jwks, &endpoints.end_session];
    let required = [&endpoints.authorization, &endpoints.token];
    for endpoint in required.into_iter().chain(optional.into_iter().flatten()) {
        if is_foreign(issuer, base, endpoint) {
            let origin = quote(&endpoint.origin().ascii_serialization(), &[]);
            return Err(IssuerFault::Untrusted(format!(
                "the metadata names an endpoint at {origin}, which is not the issuer's origin nor in endpoint_origins"
            )));
        }
    }
    Ok(())
}

/// Whether an endpoint lies where the issuer was not said to have any.
pub(super) fn is_foreign(issuer: &Issuer, base: &Url, endpoint: &Url) -> bool {
    let named = issuer.profile.endpoint_origins.iter().any(|origin| origin.origin() == endpoint.origin());
    endpoint.origin() != base.origin() && !named
}

pub(super) fn appended(base: &Url, suffix: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{suffix}", base.path().trim_end_matches('/')));
    url
}

pub(super) fn inserted(base: &Url, prefix: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{prefix}{}", base.path().trim_end_matches('/')));
    url
}
