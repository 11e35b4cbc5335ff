//! The pages of a consent: the one that asks, the callback, and the choice when another identity came.

mod callback;
mod consent;
mod identity;
mod to_app;

use axum::Router;
use axum::routing::get;

use crate::Broker;

pub fn router() -> Router<Broker> {
    Router::new()
        .route("/connect/{app}", get(consent::show).post(consent::go_on))
        .route("/connect/{app}/callback", get(callback::callback))
        .route("/connect/{app}/identity/{name}", get(identity::show).post(identity::answer))
}
