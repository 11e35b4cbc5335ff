//! Our registration at an issuer, and how a client authenticates there. RFC 6749 section 2.3. Sends nothing.

use serde::{Deserialize, Serialize};

use crate::secret::Token;

/// Our registration at an issuer.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub secret: Option<Token>,
    pub auth: ClientAuth,
}

/// How a client authenticates at the token endpoint. RFC 6749 section 2.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// A public client: only its id, in the body.
    None,
    /// `client_secret_post`
    Body,
    /// `client_secret_basic`
    Basic,
}

impl ClientAuth {
    /// Body when there is a secret, unless something else was said.
    #[must_use]
    pub fn or_default(said: Option<Self>, secret: Option<&Token>) -> Self {
        said.unwrap_or(if secret.is_some() { Self::Body } else { Self::None })
    }
}
