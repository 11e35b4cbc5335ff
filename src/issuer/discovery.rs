//! The endpoints of an issuer: what the operator said, else what its metadata say, judged and kept.
//! How they are kept is said in [`super::last_good`].

use std::sync::Arc;

use serde_json::Value;
use url::Url;

use super::authorization_server::{INTROSPECTION_ENDPOINT, Issuer, Whereabouts};
use super::endpoints::Endpoints;
use super::fault::IssuerFault;
use super::issuers::Issuers;
use super::last_good::{PAUSE, Terms};
use super::metadata::{Published, endpoint, published};
use super::redact::quote;
use super::scope::OFFLINE_ACCESS;

/// Seconds after which the metadata is asked for again.
const FRESH_FOR: i64 = 3600;

/// The endpoints of an issuer, from memory while they are fresh.
///
/// # Errors
/// When there is no good copy and none can be had.
pub async fn endpoints(issuers: &Issuers, issuer: &Issuer) -> Result<Arc<Endpoints>, IssuerFault> {
    let identifier = match &issuer.whereabouts {
        Whereabouts::Explicit(urls) => return Ok(Arc::new(Endpoints::explicit(urls))),
        Whereabouts::Discovery { identifier, .. } => identifier,
    };
    let copies = issuers.copies(identifier);
    // What was seen in part only is looked at again as soon as after a failure.
    let in_part = copies.endpoints.last().is_some_and(|good| good.unseen.is_some());
    let fresh_for = if in_part { PAUSE } else { FRESH_FOR };
    let terms = Terms { clock: &issuers.clock, whom: identifier, fresh_for };
    let fetching = || {
        let (issuers, issuer, identifier) = (issuers.clone(), issuer.clone(), identifier.clone());
        async move { fetch(&issuers, &issuer, &identifier).await }
    };
    copies.endpoints.get(terms, fetching).await
}

/// The endpoints if a good copy is already here; asks nobody.
#[must_use]
pub fn last_known(issuers: &Issuers, issuer: &Issuer) -> Option<Arc<Endpoints>> {
    issuer.identifier().and_then(|identifier| issuers.copies(identifier).endpoints.last())
}

/// The issuer's last failure, if it is in trouble; asks nobody.
#[must_use]
pub fn trouble(issuers: &Issuers, issuer: &Issuer) -> Option<String> {
    issuers.copies(issuer.identifier()?).endpoints.trouble().map(|fault| fault.to_string())
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
        // Where nobody is asked there, it may lie anywhere.
        introspection: if issuer.profile.introspection { optional(INTROSPECTION_ENDPOINT)? } else { None },
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
