//! `POST /account/connected-apps/{id}/consent`: the person changes for how long and where.

use axum::extract::{Path, State};
use axum::response::Response;

use crate::Broker;
use crate::connection::store;
use crate::consent::choice;
use crate::consent::pages::choice::Chosen;
use crate::content;
use crate::error::Error;
use crate::web::failure::PageFailure;
use crate::web::forms::OwnForm;
use crate::web::see_other;

pub async fn change(
    State(broker): State<Broker>,
    Path(id): Path<String>,
    form: OwnForm<Chosen>,
) -> Result<Response, PageFailure> {
    let account = form.signed_in.account;
    let connection =
        store::of_account(&broker.db, &account.id, &id).await?.ok_or(Error::ConnectionNotFound)?;
    let app = crate::app::by_id(&broker, &connection.app_id).await?.ok_or(Error::ConnectionNotFound)?;
    let open = content::open_environments(&broker, &app.key, &account).await?;
    let choice = form.fields.choice(&open, Some(&connection.allowed))?;
    choice::change(&broker, &connection, &account.id, &choice).await?;
    Ok(see_other(&format!("/account/connected-apps/{id}?changed")))
}
