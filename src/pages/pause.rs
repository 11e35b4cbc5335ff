//! `POST /account/connected-apps/{id}/pause` and `…/resume`: the person stops an app for a while, and lets it go on.

use axum::extract::{Path, State};
use axum::response::Response;

use super::revoke::Nothing;
use crate::Broker;
use crate::connection::store;
use crate::error::Error;
use crate::freeze::freezes;
use crate::web::failure::PageFailure;
use crate::web::forms::OwnForm;
use crate::web::see_other;

pub async fn pause(
    State(broker): State<Broker>,
    Path(id): Path<String>,
    form: OwnForm<Nothing>,
) -> Result<Response, PageFailure> {
    let account = form.signed_in.account;
    let connection =
        store::of_account(&broker.db, &account.id, &id).await?.ok_or(Error::ConnectionNotFound)?;
    match freezes::pause(&broker, &connection).await {
        // It has ended meanwhile, which its page says.
        Ok(()) | Err(Error::ConnectionNotFound) => Ok(see_other(&format!("/account/connected-apps/{id}"))),
        Err(error) => Err(error.into()),
    }
}

pub async fn resume(
    State(broker): State<Broker>,
    Path(id): Path<String>,
    form: OwnForm<Nothing>,
) -> Result<Response, PageFailure> {
    let account = form.signed_in.account;
    let connection =
        store::of_account(&broker.db, &account.id, &id).await?.ok_or(Error::ConnectionNotFound)?;
    freezes::go_on(&broker, &connection).await?;
    Ok(see_other(&format!("/account/connected-apps/{id}")))
}
