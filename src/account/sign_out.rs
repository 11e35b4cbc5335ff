//! Sign-out at the issuer (OpenID Connect RP-Initiated Logout 1.0). Ending our own session is the page's work, and comes
//! first: no issuer can hold anybody here.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use url::Url;

use super::our_client;
use super::person::Account;
use crate::Broker;
use crate::error::Error;
use crate::issuer::address;
use crate::issuer::discovery::endpoints;
use crate::secret::{Token, exposed, same};

/// For so long the issuer's addresses are looked for. Who leaves does not wait longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How somebody who is signed out here signs out at the issuer.
#[derive(Debug)]
pub enum IssuersEnd {
    /// There, in the browser.
    At(Url),
    /// It has no place for that, or none that it says.
    Nowhere,
    /// The person did not sign in there: a platform vouched for them.
    NotTheirs,
    /// It does not answer.
    Unknown,
}

/// A sign-out of this browser that the issuer may not know of.
#[derive(Debug, Serialize, Deserialize)]
pub struct SignedOut {
    /// What the issuer gives back when its own session is over.
    #[serde(with = "exposed")]
    state: Token,
    /// Where the person goes on, by signing in: a path of ours.
    pub return_to: Option<String>,
}

impl SignedOut {
    #[must_use]
    pub fn toward(return_to: Option<String>) -> Self {
        Self { state: Token::random(), return_to }
    }

    /// What a browser kept of it.
    #[must_use]
    pub fn read(kept: &Token) -> Option<Self> {
        serde_json::from_str(kept.expose()).ok()
    }

    /// # Errors
    /// When it cannot be written down.
    pub fn write(&self) -> Result<Token, Error> {
        let text = serde_json::to_string(self).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Token::new(text))
    }

    /// Whether this is the issuer's word that its session is over.
    #[must_use]
    pub fn is_confirmed_by(&self, state: &str) -> bool {
        same(self.state.expose(), state)
    }

    /// Where to send the browser so that the issuer's session ends too. `id_token` is the one of the sign-in: with it an
    /// issuer need not ask who is to be signed out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn at_the_issuer(
        &self,
        broker: &Broker,
        account: &Account,
        id_token: Option<&Token>,
    ) -> Result<IssuersEnd, Error> {
        if account.platform().is_some() {
            return Ok(IssuersEnd::NotTheirs);
        }
        let issuer = our_client::issuer(broker).await?;
        let Ok(Ok(known)) = timeout(PATIENCE, endpoints(&broker.issuers, &issuer)).await else {
            return Ok(IssuersEnd::Unknown);
        };
        let Some(end_session) = &known.end_session else { return Ok(IssuersEnd::Nowhere) };
        let (client_id, here) = (&broker.config.sign_in.client_id, broker.url("/"));
        let mut ours = vec![
            ("client_id", client_id.as_str()),
            ("post_logout_redirect_uri", here.as_str()),
            ("state", self.state.expose()),
        ];
        // Another issuer than the one of the sign-in is not shown it.
        let id_token = id_token.filter(|_| issuer.identifier() == Some(account.issuer.as_str()));
        ours.extend(id_token.map(|id_token| ("id_token_hint", id_token.expose())));
        Ok(IssuersEnd::At(address::with(end_session, &ours)))
    }
}
