//! How the keys of whoever signs tokens are had: from memory while they are fresh, and fetched again once when a token names a
//! key that is not among them. Which keys are good enough is said in [`super::key_set`].

use std::sync::{Arc, PoisonError};

use url::Url;

use super::authorization_server::Issuer;
use super::discovery::endpoints;
use super::fault::IssuerFault;
use super::issuers::Issuers;
use super::key_set::{KeySet, trusted};
use super::last_good::Terms;

/// Seconds after which keys are asked for again although all needed ones are there.
const FRESH_FOR: i64 = 3600;
/// Seconds between two fetches for the sake of unknown keys, so that made-up tokens cost the issuer nothing.
const UNKNOWN_KEY_EVERY: i64 = 30;

/// Who publishes keys.
#[derive(Clone, Copy, Debug)]
pub enum Publisher<'a> {
    /// Its metadata lead to them.
    Issuer(&'a Issuer),
    /// Somebody without metadata, by a name that no issuer has.
    Address { name: &'a str, at: &'a Url },
}

/// The same, for a task of its own.
enum Source {
    Issuer(Box<Issuer>),
    Address(Url),
}

impl Publisher<'_> {
    /// What the keys are held by.
    fn name(self) -> String {
        match self {
            Self::Issuer(issuer) => issuer.external_name(),
            Self::Address { name, .. } => name.to_owned(),
        }
    }

    fn source(self) -> Source {
        match self {
            Self::Issuer(issuer) => Source::Issuer(Box::new(issuer.clone())),
            Self::Address { at, .. } => Source::Address(at.clone()),
        }
    }
}

/// The keys, from memory while they are fresh; the last good copy when no other can be had.
///
/// # Errors
/// When there is no copy and none can be had.
pub async fn key_set(issuers: &Issuers, publisher: Publisher<'_>) -> Result<Arc<KeySet>, IssuerFault> {
    let name = publisher.name();
    let copies = issuers.copies(&name);
    copies.keys.get(terms(issuers, &name), || fetch(issuers.clone(), publisher.source())).await
}

/// The keys as they are published now, for the sake of a token that none of those in `tried` verifies. None when the last such
/// search was in vain and a short while ago, or the publisher cannot be asked: then nobody knows.
pub async fn search(issuers: &Issuers, publisher: Publisher<'_>, tried: &Arc<KeySet>) -> Option<Arc<KeySet>> {
    let name = publisher.name();
    let copies = issuers.copies(&name);
    let missed_at = *copies.keys_missed_at.lock().unwrap_or_else(PoisonError::into_inner);
    let may_try = missed_at.is_none_or(|at| at.plus(UNKNOWN_KEY_EVERY) <= issuers.clock.now());
    let fetching = || fetch(issuers.clone(), publisher.source());
    copies.keys.other_than(tried, may_try, terms(issuers, &name), fetching).await
}

/// A search was in vain: the next one waits, so that made-up tokens are not amplified.
pub fn missed(issuers: &Issuers, publisher: Publisher<'_>) {
    let copies = issuers.copies(&publisher.name());
    *copies.keys_missed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(issuers.clock.now());
}

fn terms<'a>(issuers: &'a Issuers, whom: &'a str) -> Terms<'a> {
    Terms { clock: &issuers.clock, whom, fresh_for: FRESH_FOR }
}

async fn fetch(issuers: Issuers, source: Source) -> Result<KeySet, IssuerFault> {
    let at = match source {
        Source::Address(at) => at,
        Source::Issuer(issuer) => {
            let jwks = endpoints(&issuers, &issuer).await?.jwks.clone();
            jwks.ok_or_else(|| IssuerFault::Odd("the issuer publishes no keys".to_owned()))?
        }
    };
    let keys = trusted(&issuers.http.get_json(&at).await?);
    if keys.is_empty() {
        // Hardly what it means to publish: what was there before is better.
        return Err(IssuerFault::Odd("the issuer's key set is empty".to_owned()));
    }
    Ok(keys)
}
