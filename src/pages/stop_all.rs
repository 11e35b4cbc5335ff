//! `POST /account/stop-all`: the person stops every app.

use axum::extract::State;
use axum::response::Response;

use crate::Broker;
use crate::freeze::mass_revoke;
use crate::web::failure::PageFailure;
use crate::web::forms::{Nothing, OwnForm};
use crate::web::see_other;

pub async fn stop_all(State(broker): State<Broker>, form: OwnForm<Nothing>) -> Result<Response, PageFailure> {
    mass_revoke::stop_all_of(&broker, &form.signed_in.account.id).await?;
    Ok(see_other("/account/connected-apps?stopped=all"))
}
