//! `POST /account/connected-apps/{id}/revoke`: the person stops an app.

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use crate::Broker;
use crate::connection::store;
use crate::error::Error;
use crate::revoke::begin;
use crate::web::failure::PageFailure;
use crate::web::forms::OwnForm;
use crate::web::see_other;

/// The form holds nothing but the value that proves it.
#[derive(Deserialize)]
pub struct Nothing {}

pub async fn revoke(
    State(broker): State<Broker>,
    Path(id): Path<String>,
    form: OwnForm<Nothing>,
) -> Result<Response, PageFailure> {
    let account = form.signed_in.account;
    let connection =
        store::of_account(&broker.db, &account.id, &id).await?.ok_or(Error::ConnectionNotFound)?;
    match begin::revoke(&broker, &connection, &account.id).await {
        Ok(telling) => telling.for_a_second(&connection.external.issuer).await,
        // Pressed twice: it is stopped, which is what was asked.
        Err(Error::ConnectionNotFound) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(see_other(&format!("/account/connected-apps/{id}")))
}
