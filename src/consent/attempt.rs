//! A consent that is under way: its row, where its verifier is sealed to, and where its app wants the person back. Begins
//! and ends none but by time or with its account.

pub(crate) mod store;

use url::Url;

use crate::Broker;
use crate::account::Account;
use crate::app::App;
use crate::config::Config;
use crate::db;
use crate::db::write::Transaction;
use crate::error::Error;
use crate::issuer::address;
use crate::secret::TokenHash;
use crate::vault::Place;

/// One of the app's registered redirect URIs, or a page of the platform, and the `state` that it sent.
#[derive(Clone, Debug)]
pub struct ReturnToApp {
    pub uri: Url,
    pub state: Option<String>,
}

impl ReturnToApp {
    /// # Errors
    /// [`Error::InvalidRequest`] unless the URI is registered, letter by letter (RFC 9700 section 2.1), or a page of the
    /// platform. What goes there names the connection, and holds no secret.
    pub fn parse(
        config: &Config,
        account: &Account,
        app: &App,
        uri: &str,
        state: Option<String>,
    ) -> Result<Self, Error> {
        let registered = app.redirect_uris.iter().find(|registered| registered.as_str() == uri);
        let uri = registered.cloned().or_else(|| config.page_for(&account.issuer, uri)).ok_or_else(|| {
            Error::InvalidRequest(
                "The app asked to return to an address that it has not registered.".to_owned(),
            )
        })?;
        Ok(Self { uri, state })
    }

    /// The address with an answer added. RFC 6749 section 4.1.2.
    #[must_use]
    pub fn with(&self, answer: &[(&str, &str)]) -> Url {
        let state = self.state.as_deref().map(|state| ("state", state));
        let ours: Vec<(&str, &str)> = answer.iter().copied().chain(state).collect();
        address::with(&self.uri, &ours)
    }
}

pub(crate) fn verifier_place(state: &TokenHash) -> Place {
    Place::new("connect_attempts", "verifier", state.as_str(), &[])
}

/// Ends the consents of an account that are under way, with whatever else ends in this transaction.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(transaction: &mut Transaction, account_id: &str) -> Result<(), db::Error> {
    store::forget(transaction, account_id).await
}

/// Deletes consents that were never finished, and drops what nobody decided about.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(broker: &Broker) -> Result<(), Error> {
    Ok(store::sweep(&broker.db, broker.clock.now()).await?)
}
