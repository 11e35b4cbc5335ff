//! The endpoints of an issuer: what the operator said, else what its metadata say, judged and kept.
//! The last good copy serves when a new one cannot be had.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use url::Url;

use super::blot::quote;
use super::key_set::CachedKeys;
use super::metadata::{Published, endpoint, published};
use super::{Issuer, IssuerFault, Issuers, Whereabouts};
use crate::clock::Timestamp;

/// Seconds after which the metadata is asked for again.
const FRESH_FOR: i64 = 3600;
/// Seconds after a failed attempt during which the last good copy is not asked for again.
const RETRY_EVERY: i64 = 30;

/// What is kept of one issuer between requests.
#[derive(Debug, Default)]
pub struct Known {
    endpoints: Mutex<Option<(Arc<Endpoints>, Timestamp)>>,
    /// One fetch at a time; the rest wait for it, and take its failure for theirs.
    fetching: tokio::sync::Mutex<()>,
    /// How many fetches have ended, and how the last one failed.
    ended: Mutex<(u64, Option<IssuerFault>)>,
    pub(super) keys: CachedKeys,
    /// The last failure, for `/readyz`. None while all is well.
    trouble: Mutex<Option<String>>,
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
                unseen: None,
            }));
        }
        Whereabouts::Discovery { identifier, .. } => identifier,
    };
    let known = issuers.known(identifier);
    if let Some(fresh) = known.fresh(issuers.clock.now()) {
        return Ok(fresh);
    }
    let began = known.ended().0;
    let _one_at_a_time = known.fetching.lock().await;
    if let Some(fresh) = known.fresh(issuers.clock.now()) {
        return Ok(fresh);
    }
    // Another's fetch began and failed while we waited for it: asking once more would make a queue of deadlines.
    if let (ended, Some(fault)) = known.ended()
        && ended > began
    {
        return known.last_good().ok_or(fault);
    }
    match fetch(issuers, issuer, identifier).await {
        Ok(endpoints) => {
            let fresh_for = if endpoints.unseen.is_some() { RETRY_EVERY } else { FRESH_FOR };
            known.keep(&endpoints, issuers.clock.now().plus(fresh_for));
            known.set_trouble(None);
            known.end(None);
            Ok(endpoints)
        }
        Err(fault) => {
            known.set_trouble(Some(fault.to_string()));
            known.end(Some(fault.clone()));
            let last_good = known.last_good().ok_or(fault)?;
            known.keep(&last_good, issuers.clock.now().plus(RETRY_EVERY));
            Ok(last_good)
        }
    }
}

/// The endpoints if a good copy is already here; asks nobody.
#[must_use]
pub fn last_known(issuers: &Issuers, issuer: &Issuer) -> Option<Arc<Endpoints>> {
    issuer.identifier().and_then(|identifier| issuers.known(identifier).last_good())
}

/// The issuer's last failure, if it is in trouble; asks nobody.
#[must_use]
pub fn trouble(issuers: &Issuers, issuer: &Issuer) -> Option<String> {
    let known = issuers.known(issuer.identifier()?);
    known.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl Known {
    fn fresh(&self, now: Timestamp) -> Option<Arc<Endpoints>> {
        let kept = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(_, until)| *until > now).map(|(endpoints, _)| Arc::clone(endpoints))
    }

    fn last_good(&self) -> Option<Arc<Endpoints>> {
        let kept = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().map(|(endpoints, _)| Arc::clone(endpoints))
    }

    fn keep(&self, endpoints: &Arc<Endpoints>, until: Timestamp) {
        *self.endpoints.lock().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(endpoints), until));
    }

    fn ended(&self) -> (u64, Option<IssuerFault>) {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn end(&self, fault: Option<IssuerFault>) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        *ended = (ended.0 + 1, fault);
    }

    fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

async fn fetch(issuers: &Issuers, issuer: &Issuer, identifier: &str) -> Result<Arc<Endpoints>, IssuerFault> {
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
    Ok(Arc::new(Endpoints {
        identifier: Some(identifier.to_owned()),
        authorization: required("authorization_endpoint")?,
        token: required("token_endpoint")?,
        userinfo: optional("userinfo_endpoint")?,
        revocation: optional("revocation_endpoint")?,
        jwks: optional("jwks_uri")?,
        end_session: optional("end_session_endpoint")?,
        sends_iss: document.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)),
        unseen,
    }))
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
