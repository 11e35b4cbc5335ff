//! `POST /account/connected-apps/{id}/consent`: the person changes for how long and where.

use axum::extract::State;
use axum::response::Response;

use super::choice::Chosen;
use super::own::OwnConnection;
use crate::Broker;
use crate::consent::choose;
use crate::content::overview;
use crate::error::Error;
use crate::web::failure::PageFailure;
use crate::web::see_other;

pub async fn change(
    State(broker): State<Broker>,
    own: OwnConnection<Chosen>,
) -> Result<Response, PageFailure> {
    let OwnConnection { account, connection, fields } = own;
    let app = crate::app::by_id(&broker, &connection.app_id).await?.ok_or(Error::ConnectionNotFound)?;
    let open = overview::of_person(&broker, &app, &account).await?;
    let choice = fields.choice(&open, Some(&connection.allowed))?;
    choose::change(&broker, &connection, &account.id, &choice).await?;
    Ok(see_other(&format!("/account/connected-apps/{}?changed", connection.id)))
}
