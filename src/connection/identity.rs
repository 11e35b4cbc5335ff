//! Whose a connection is, in a form that outlives the names: what a freeze knows it by, and up to when another one of the
//! same person and app was stopped. Judges neither; consents are [`crate::consent::complete`]'s.

pub(crate) mod store;

use super::ExternalIdentity;
use crate::Broker;
use crate::account::Account;
use crate::clock::Timestamp;
use crate::db;
use crate::db::write::Transaction;

/// Keyed hashes, see [`crate::vault::pseudonym`].
pub struct Pseudonyms {
    /// Of the person, the same for whoever signs in as they did.
    pub account: String,
    /// Of the person, the app and the external identity.
    pub connection: String,
}

impl Pseudonyms {
    #[must_use]
    pub fn of(broker: &Broker, account: &Account, app_id: &str, external: &ExternalIdentity) -> Self {
        let of_account = broker.pseudonyms.of_account(&account.issuer, &account.subject);
        let (issuer, subject) = (&external.issuer, &external.subject);
        let connection = broker.pseudonyms.of_connection(&of_account, app_id, issuer, subject);
        Self { account: of_account, connection }
    }
}

/// Writes down whose the connection is that was stored in this transaction. `since` is from when on it is of this
/// identity, where that is now; then the answer is when one of the same person and app was last stopped before.
pub(crate) async fn settle(
    broker: &Broker,
    transaction: &mut Transaction,
    id: &str,
    of: (&Account, &str, &ExternalIdentity),
    since: Option<Timestamp>,
) -> Result<Option<Timestamp>, db::Error> {
    let (account, app_id, external) = of;
    let pseudonyms = Pseudonyms::of(broker, account, app_id, external);
    store::settle(transaction, id, (&account.id, app_id), &pseudonyms, since).await
}

/// When one of this person and app was last stopped, up to now.
pub(crate) async fn last_stop(
    broker: &Broker,
    account: &Account,
    app_id: &str,
    now: Timestamp,
) -> Result<Option<Timestamp>, db::Error> {
    let pseudonym = broker.pseudonyms.of_account(&account.issuer, &account.subject);
    store::last_stop(&broker.db, (&account.id, app_id), &pseudonym, now).await
}
