//! The one issuer where people sign in, and our own client there.

use crate::Broker;
use crate::app;
use crate::error::Error;
use crate::issuer::{Client, ClientAuth, Issuer};

/// The one sign-in issuer.
///
/// # Errors
/// When the database does not answer.
pub async fn issuer(broker: &Broker) -> Result<Issuer, Error> {
    let issuer = app::issuer_by_key(broker, &broker.config.sign_in.issuer).await?;
    issuer.ok_or_else(|| Error::Internal("The sign-in issuer is not in the database.".to_owned()))
}

/// Our own client at the sign-in issuer.
#[must_use]
pub fn client(broker: &Broker) -> Client {
    let (sign_in, secret) = (&broker.config.sign_in, broker.sign_in_secret.get());
    Client {
        id: sign_in.client_id.clone(),
        auth: ClientAuth::or_default(sign_in.client_auth, secret.as_ref()),
        secret,
    }
}
