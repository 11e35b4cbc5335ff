//! Connections in memory, sealed as they are stored, where this process is alone with its database. Every change of a
//! row says [`changed`] in its own transaction: so no request that begins after a change's answer meets the row of
//! before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Connection, ExternalIdentity, store};
use crate::Broker;
use crate::cache::Weigh;
use crate::db;
use crate::db::write::Transaction;
use crate::secret::TokenHash;

impl Weigh for Connection {
    fn weight(&self) -> u64 {
        let texts = [
            Some(self.id.len() + self.account_id.len() + self.app_id.len()),
            Some(self.external.issuer.len() + self.external.subject.len()),
            self.access_token.as_ref().map(|sealed| sealed.0.len()),
            self.refresh_token.as_ref().map(|sealed| sealed.0.len()),
            self.data_key.as_ref().map(|key| key.kid.len() + key.master_kid.len() + key.wrapped.len()),
            Some(self.allowed.weight()),
            self.account_pseudonym.as_ref().map(String::len),
            self.pseudonym.as_ref().map(String::len),
            self.granted_scopes.iter().map(|scope| scope.len() + 48).reduce(|sum, more| sum + more),
        ];
        let texts: usize = texts.into_iter().flatten().sum();
        // The struct itself, two hashes, and what the allocator adds to each text.
        (size_of::<Self>() + texts + 300) as u64
    }
}

/// What a connection's row usually weighs, in bytes.
pub const USUAL: u64 = 4096;

pub(crate) async fn by_id(broker: &Broker, id: &str) -> Result<Option<Arc<Connection>>, db::Error> {
    broker.held.connections.get(&broker.db, id, async || store::by_id(&broker.db, id).await).await
}

/// Which connections of an app are of an identity.
#[derive(Debug)]
pub struct OfIdentity(Vec<String>);

impl Weigh for OfIdentity {
    fn weight(&self) -> u64 {
        (200 + 50 * self.0.len()) as u64
    }
}

fn identity(app_id: &str, who: &ExternalIdentity) -> String {
    format!("{app_id} {} {}", who.issuer, who.subject)
}

/// The ids of an app's live connections with an identity. Whoever gives a connection an identity lets go of what was known
/// of it, so no connection is missing here.
pub(crate) async fn ids_by_identity(
    broker: &Broker,
    app_id: &str,
    who: &ExternalIdentity,
) -> Result<Vec<String>, db::Error> {
    let key = identity(app_id, who);
    let just_read = AtomicBool::new(false);
    let load = async || {
        let ids = store::ids_by_identity(&broker.db, app_id, who).await?;
        just_read.store(true, Ordering::Relaxed);
        Ok::<_, db::Error>(Some(OfIdentity(ids)).filter(|of_identity| !of_identity.0.is_empty()))
    };
    let known = broker.held.by_identity.get(&broker.db, &key, load).await?;
    let Some(known) = known else { return Ok(Vec::new()) };
    if just_read.into_inner() {
        return Ok(known.0.clone());
    }
    // What ended since, or became another identity's, may still be among them.
    let mut ids = Vec::new();
    for id in &known.0 {
        let is_it = |found: &Arc<Connection>| found.is_live() && found.external == *who;
        ids.extend(by_id(broker, id).await?.filter(is_it).map(|_| id.clone()));
    }
    if ids.is_empty() {
        broker.held.by_identity.forget(&key);
    }
    Ok(ids)
}

/// A connection becomes this identity's in this transaction.
pub(super) fn identity_changed(
    broker: &Broker,
    transaction: &mut Transaction,
    app_id: &str,
    who: &ExternalIdentity,
) {
    let (broker, key) = (broker.clone(), identity(app_id, who));
    transaction.after_commit(move || broker.held.by_identity.forget(&key));
}

/// The row is changed in this transaction; with it goes what was known of the access token that it now has.
pub(crate) fn changed(
    broker: &Broker,
    transaction: &mut Transaction,
    id: &str,
    access_token: Option<&TokenHash>,
) {
    let (broker, id, hash) = (broker.clone(), id.to_owned(), access_token.cloned());
    transaction.after_commit(move || {
        broker.held.connections.forget(&id);
        if let Some(hash) = hash {
            broker.held.by_access_token.forget(hash.as_str());
        }
    });
}

/// Rows are changed in this transaction, and nobody says which.
pub(crate) fn all_changed(broker: &Broker, transaction: &mut Transaction) {
    let broker = broker.clone();
    transaction.after_commit(move || broker.held.connections.forget_all());
}
