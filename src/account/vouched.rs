//! The account of a person whom a platform vouches for. Judges no word of a platform; see [`crate::connect_session`].

use serde_json::Map;

use super::our_client;
use super::person::Account;
use super::store::{self, Profile};
use crate::Broker;
use crate::db;
use crate::db::write::Transaction;
use crate::error::Error;

/// A platform's user, as the platform says.
#[derive(Clone, Debug)]
pub struct Vouched {
    /// Of the account, see [`super::platform::issuer_of`].
    pub issuer: String,
    pub subject: String,
    pub name: Option<String>,
    pub email: Option<String>,
}

impl Vouched {
    /// What to call them on a page.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.name.as_ref().or(self.email.as_ref()).unwrap_or(&self.subject)
    }

    #[must_use]
    pub fn is(&self, account: &Account) -> bool {
        (&self.issuer, &self.subject) == (&account.issuer, &account.subject)
    }
}

/// Makes their account, or brings it up to date. It has no claims, by which an environment could choose it: those are what the
/// sign-in issuer says.
///
/// # Errors
/// When the database does not answer.
pub async fn sign_in(
    broker: &Broker,
    transaction: &mut Transaction,
    vouched: &Vouched,
) -> Result<Account, db::Error> {
    let profile = Profile {
        issuer: &vouched.issuer,
        subject: &vouched.subject,
        name: vouched.name.as_deref(),
        email: vouched.email.as_deref(),
        picture: None,
        claims: &Map::new(),
    };
    store::sign_in_with(broker, transaction, &profile, broker.clock.now()).await
}

/// What people call the place where this person signs in: their platform, or the sign-in issuer.
///
/// # Errors
/// When the database does not answer.
pub async fn signs_in_at(broker: &Broker, account: &Account) -> Result<String, Error> {
    match account.platform() {
        None => Ok(our_client::issuer(broker).await?.name),
        // One that is gone from the configuration has its key left.
        Some(key) => Ok(name_of_platform(broker, key)),
    }
}

/// What people call a platform.
#[must_use]
pub fn name_of_platform(broker: &Broker, key: &str) -> String {
    broker.config.platforms.get(key).map_or_else(|| key.to_owned(), |platform| platform.name.clone())
}
