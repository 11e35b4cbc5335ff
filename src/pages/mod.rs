//! The pages of the connected apps: the list, one connection, and what a person does with it.

mod activity;
mod change;
pub(crate) mod choice;
mod detail;
pub(crate) mod in_words;
mod list;
mod own;
mod pause;
mod permits;
mod receipt_in_words;
mod revoke;
mod stop_all;
mod store;
pub(crate) mod trouble;

use axum::Router;
use axum::routing::{get, post};

use crate::Broker;

pub fn router() -> Router<Broker> {
    Router::new()
        .route("/account/connected-apps", get(list::show))
        .route("/account/connected-apps/{id}", get(detail::show))
        .route("/account/connected-apps/{id}/pause", post(pause::pause))
        .route("/account/connected-apps/{id}/resume", post(pause::resume))
        .route("/account/connected-apps/{id}/revoke", post(revoke::revoke))
        .route("/account/stop-all", post(stop_all::stop_all))
        .route("/account/connected-apps/{id}/consent", post(change::change))
}
