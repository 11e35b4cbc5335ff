//! `POST /account/connected-apps/{id}/pause` and `…/resume`: the person stops an app for a while, and lets it go on.

use axum::extract::State;
use axum::response::Response;

use super::own::{OwnConnection, see};
use crate::Broker;
use crate::error::Error;
use crate::freeze::freezes;
use crate::web::failure::PageFailure;
use crate::web::forms::Nothing;

pub async fn pause(
    State(broker): State<Broker>,
    own: OwnConnection<Nothing>,
) -> Result<Response, PageFailure> {
    match freezes::pause(&broker, &own.connection).await {
        // It has ended meanwhile, which its page says.
        Ok(()) | Err(Error::ConnectionNotFound) => Ok(see(&own.connection)),
        Err(error) => Err(error.into()),
    }
}

pub async fn resume(
    State(broker): State<Broker>,
    own: OwnConnection<Nothing>,
) -> Result<Response, PageFailure> {
    freezes::go_on(&broker, &own.connection).await?;
    Ok(see(&own.connection))
}
