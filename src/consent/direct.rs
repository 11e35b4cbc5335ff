//! Connects an app that signs people in by itself, when the first of its tokens is seen: nobody is asked, and no token is
//! kept. A stop that came before it is committed wins. Judges no use and verifies no token.

use crate::Broker;
use crate::account::Account;
use crate::app::App;
use crate::connection::allowed::{Access, Allowed};
use crate::connection::identity::{self, Pseudonyms};
use crate::connection::store::{self, Consented};
use crate::connection::token_times::TokenTimes;
use crate::connection::{Connection, ExternalIdentity, SealedTokens};
use crate::error::Error;
use crate::issuer::scope::Scopes;
use crate::ledger::{self, Action, Entry};
use crate::vault::Purpose;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Stored,
    /// There is one of the same identity already: another request was quicker, or its person agreed here.
    Existed,
    /// The person has stopped the app since they last signed in at it.
    Stopped,
}

/// The connection as it would be stored now.
///
/// # Errors
/// When the vault makes no key; when the database does not answer.
pub async fn connection(
    broker: &Broker,
    app: &App,
    access: Access,
    account: &Account,
    identity: &ExternalIdentity,
    times: TokenTimes,
) -> Result<Connection, Error> {
    let now = broker.clock.now();
    let (_, data_key) = broker.vault.new_data_key()?;
    let pseudonyms = Pseudonyms::of(broker, account, &app.id, identity);
    Ok(Connection {
        direct: true,
        allowed: Allowed::Everywhere(access),
        // The issuer's clock may be ahead of ours.
        connected_at: times.issued_at.min(now),
        consented_at: times.agreed_at(),
        last_stop_at: identity::last_stop(broker, account, &app.id, now).await?,
        account_pseudonym: Some(pseudonyms.account),
        pseudonym: Some(pseudonyms.connection),
        ..Connection::beginning(&account.id, &app.id, identity, data_key, now)
    })
}

/// Stores what [`connection`] made, judged or not, unless there is one already or a stop came in between.
///
/// # Errors
/// When the database does not answer.
pub async fn store(
    broker: &Broker,
    account: &Account,
    connection: &Connection,
    times: TokenTimes,
) -> Result<Outcome, Error> {
    let now = broker.clock.now();
    let nothing = Scopes::default();
    let consent = Consented {
        requested: &nothing,
        expires_at: None,
        allowed: connection.allowed.clone(),
        refresh_expires_at: None,
    };
    let mut transaction = broker.db.begin().await?;
    if !store::insert(broker, &mut transaction, connection, &no_tokens(), &consent, now).await? {
        // Committed with the other one, so that it is there for whoever looks for it now.
        transaction.commit().await?;
        return Ok(Outcome::Existed);
    }
    let of = (account, connection.app_id.as_str(), &connection.external);
    let since = Some(connection.connected_at);
    let last_stop = identity::settle(broker, &mut transaction, &connection.id, of, since).await?;
    if !times.make_direct_after(last_stop) {
        return Ok(Outcome::Stopped);
    }
    if let Some(data_key) = &connection.data_key {
        crate::vault::insert(&mut transaction, data_key, Purpose::Connection, now).await?;
    }
    let entry = Entry::of(connection, &connection.app_id);
    ledger::append(&mut transaction, &broker.ledger, Action::ConnectedDirectly, &entry, now).await?;
    transaction.commit().await?;
    let _ = broker.events.send(crate::Event::Connected { connection_id: connection.id.clone() });
    Ok(Outcome::Stored)
}

/// What is stored in the place of a token answer. Without an end, nothing is ever due.
fn no_tokens() -> SealedTokens {
    SealedTokens {
        access_token: None,
        access_token_hash: None,
        access_expires_at: None,
        refresh_token: None,
        refresh_expires_at: None,
        token_type: None,
        granted_scopes: Scopes::default(),
        flaw: None,
    }
}
