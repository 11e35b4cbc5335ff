//! The endpoints of an issuer: what the operator said, else what its metadata say, judged and kept.
//! How they are kept is said in [`super::last_good`].

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use url::Url;

use super::Issuers;
use super::authorization_server::{Issuer, Whereabouts};
use super::blot::quote;
use super::fault::IssuerFault;
use super::key_set::CachedKeys;
use super::last_good::{LastGood, PAUSE, Terms};
use super::metadata::{Published, endpoint, published};
use super::scope::OFFLINE_ACCESS;

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
    /// Whether it lists the scope `offline_access`; None where it lists no scopes.
    pub offers_offline_access: Option<bool>,
    /// The `prompt` values that it says it knows, where it says so.
    pub prompts: Option<BTreeSet<String>>,
    /// Why a part of the metadata could not be seen: it may name a revocation endpoint.
    pub unseen: Option<IssuerFault>,
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
                jwks: None,
                end_session: None,
                sends_iss: false,
                offers_offline_access: None,
                prompts: None,
                unseen: None,
            }));
        }
        Whereabouts::Discovery { identifier, .. } => identifier,
    };
    let known = issuers.known(identifier);
    // What was seen in part only is looked at again as soon as after a failure.
    let in_part = known.endpoints.last().is_some_and(|good| good.unseen.is_some());
    let fresh_for = if in_part { PAUSE } else { FRESH_FOR };
    let terms = Terms { clock: &issuers.clock, whom: identifier, fresh_for };
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

async fn fetch(issuers: &Issuers, issuer: &Issuer, identifier: &str) -> Result<Endpoints, IssuerFault> {
    let Published { base, document, unseen } = published(issuers, issuer, identifier).await?;
    if document.get("issuer").and_then(Value::as_str) != Some(identifier) {
        let sentence = "the metadata names another issuer than was configured";
        return Err(IssuerFault::Untrusted(sentence.to_owned()));
    }
    // The operator's word wins over the metadata's, and may lead anywhere.
    let optional = |name: &str| match issuer.said(name) {
        Some(said) => Ok(Some(said.clone())),
        None => own_endpoint(issuer, &base, &document, name),
    };
    let required = |name: &str| {
        let absent = || IssuerFault::Odd(format!("the issuer's metadata holds no `{name}` that can be used"));
        optional(name)?.ok_or_else(absent)
    };
    Ok(Endpoints {
        identifier: Some(identifier.to_owned()),
        authorization: required("authorization_endpoint")?,
        token: required("token_endpoint")?,
        userinfo: optional("userinfo_endpoint")?,
        revocation: optional("revocation_endpoint")?,
        jwks: optional("jwks_uri")?,
        end_session: optional("end_session_endpoint")?,
        sends_iss: document.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)),
        offers_offline_access: document
            .get("scopes_supported")
            .and_then(Value::as_array)
            .map(|scopes| scopes.iter().any(|scope| scope == OFFLINE_ACCESS)),
        prompts: document
            .get("prompt_values_supported")
            .and_then(Value::as_array)
            .map(|words| words.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        unseen,
    })
}

/// One that leads elsewhere is not left out like one that is no address: what a person stops would quietly be told to
/// nobody, and whom an access token names would quietly be nobody. The operator says whether it is the issuer's.
fn own_endpoint(
    issuer: &Issuer,
    base: &Url,
    document: &Value,
    name: &str,
) -> Result<Option<Url>, IssuerFault> {
    let endpoint = endpoint(document, name);
    if let Some(foreign) = endpoint.as_ref().filter(|endpoint| is_foreign(issuer, base, endpoint)) {
        let origin = quote(&foreign.origin().ascii_serialization(), &[]);
        return Err(IssuerFault::Untrusted(format!(
            "the metadata names an endpoint at {origin}, which is not the issuer's origin nor in endpoint_origins"
        )));
    }
    Ok(endpoint)
}

/// Whether an endpoint lies where the issuer was not said to have any.
pub(super) fn is_foreign(issuer: &Issuer, base: &Url, endpoint: &Url) -> bool {
    let named = issuer.profile.endpoint_origins.iter().any(|origin| origin.origin() == endpoint.origin());
    endpoint.origin() != base.origin() && !named
}
