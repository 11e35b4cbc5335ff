//! As whom an issuer is asked: an app's client, the same sent the other way, or one that nobody registered.

use super::target::Probe;
use crate::issuer::client::{Client, ClientAuth};
use crate::secret::{Token, random_text};

/// A token that no issuer gave.
pub(super) fn made_up_token() -> Token {
    Token::new(format!("attache-check-{}", random_text::<24>()))
}

/// The app's client, or one that nobody registered.
pub(super) fn client(probe: Probe<'_>) -> Client {
    let made_up = || Client {
        id: format!("attache-check-{}", random_text::<8>()),
        secret: Some(made_up_token()),
        auth: ClientAuth::Body,
    };
    probe.registration.map_or_else(made_up, |registration| registration.client.clone())
}

/// The same client with its secret sent in the other of the two ways; None when it has no secret.
pub(super) fn sent_otherwise(client: &Client) -> Option<Client> {
    let auth = match client.auth {
        ClientAuth::Body => ClientAuth::Basic,
        ClientAuth::Basic => ClientAuth::Body,
        ClientAuth::None => return None,
    };
    Some(Client { auth, ..client.clone() })
}

/// What the configuration file calls this way.
pub(super) const fn name(auth: ClientAuth) -> &'static str {
    match auth {
        ClientAuth::None => "none",
        ClientAuth::Body => "body",
        ClientAuth::Basic => "basic",
    }
}

/// In words.
pub(super) const fn way(auth: ClientAuth) -> &'static str {
    match auth {
        ClientAuth::None => "without a secret",
        ClientAuth::Body => "with the secret in the body",
        ClientAuth::Basic => "with the secret by HTTP Basic",
    }
}
