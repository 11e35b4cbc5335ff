//! `POST /account/connected-apps/{id}/revoke`: the person stops an app.

use axum::extract::State;
use axum::response::Response;

use super::own::{OwnConnection, see};
use crate::Broker;
use crate::error::Error;
use crate::revoke::begin;
use crate::web::failure::PageFailure;
use crate::web::forms::Nothing;

pub async fn revoke(
    State(broker): State<Broker>,
    own: OwnConnection<Nothing>,
) -> Result<Response, PageFailure> {
    match begin::revoke(&broker, &own.connection, &own.account.id).await {
        Ok(telling) => telling.for_a_second(&own.connection.external.issuer).await,
        // Pressed twice: it is stopped, which is what was asked.
        Err(Error::ConnectionNotFound) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(see(&own.connection))
}
