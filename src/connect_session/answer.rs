//! What whoever opened a link says: that they are the person, or that they are not. The first answer counts, and ends the link.
//! Begins no session; that is the page's work.

use super::row::{ConnectSession, Status, is_secret};
use super::store;
use crate::Broker;
use crate::account::{Account, vouched};
use crate::error::Error;
use crate::freeze::freezes;
use crate::ledger::{self, Action, Entry};
use crate::secret::TokenHash;

/// The link of this secret, however it stands. None also when its platform vouches for nobody any more.
///
/// # Errors
/// When the database does not answer.
pub async fn find(broker: &Broker, secret: &str) -> Result<Option<ConnectSession>, Error> {
    if !is_secret(secret) {
        return Ok(None);
    }
    let found = store::by_secret(&broker.db, &TokenHash::of(secret)).await?;
    Ok(found.filter(|session| broker.config.platform_of(&session.person.issuer).is_some()))
}

/// Whether an operator holds the person, by whatever account they had here.
///
/// # Errors
/// When the database does not answer.
pub async fn is_held(broker: &Broker, session: &ConnectSession) -> Result<bool, Error> {
    Ok(freezes::holds_person(broker, &session.person.issuer, &session.person.subject).await?)
}

/// Ends the link for the person, whose account is made or brought up to date. None when it was ended before.
///
/// # Errors
/// When the database does not answer; then nothing was changed.
pub async fn go_on(broker: &Broker, session: &ConnectSession) -> Result<Option<Account>, Error> {
    let now = broker.clock.now();
    let mut transaction = broker.db.begin().await?;
    if !store::end(&mut transaction, &session.secret, Status::Used, now).await? {
        return Ok(None);
    }
    let account = vouched::sign_in(broker, &mut transaction, &session.person).await?;
    let entry = Entry { account_id: Some(account.id.clone()), ..entry(session, &account.id) };
    ledger::append(&mut transaction, &broker.ledger, Action::SignedIn, &entry, now).await?;
    transaction.commit().await?;
    Ok(Some(account))
}

/// Ends the link for nobody. False when it was ended before.
///
/// # Errors
/// When the database does not answer.
pub async fn decline(broker: &Broker, session: &ConnectSession) -> Result<bool, Error> {
    let now = broker.clock.now();
    let mut transaction = broker.db.begin().await?;
    if !store::end(&mut transaction, &session.secret, Status::Declined, now).await? {
        return Ok(false);
    }
    let entry = entry(session, "anybody");
    ledger::append(&mut transaction, &broker.ledger, Action::ConnectSessionDeclined, &entry, now).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Who brought the word stands beside who did something.
fn entry(session: &ConnectSession, actor: &str) -> Entry {
    let entry =
        Entry { actor: actor.to_owned(), caller_id: Some(session.caller_id.clone()), ..Entry::default() };
    entry.saying(&session.id)
}
