//! The pages of connections: the consent page and its callback, the list, one connection, and its revoke.

mod activity;
mod callback;
mod change;
mod choice;
mod consent;
mod detail;
mod identity;
mod list;
mod pause;
mod receipt_in_words;
mod revoke;
mod stop_all;
mod store;
mod trouble;

use axum::Router;
use axum::routing::{get, post};

use crate::App;
use crate::app::ThirdPartyApp;
use crate::issuer::scope::{Scopes, describe};
use crate::web::view::{HomePage, Permission, State};

use super::freeze::Standing;
use super::state::Status;

pub fn router() -> Router<App> {
    Router::new()
        .route("/connect/{app}", get(consent::show).post(consent::go_on))
        .route("/connect/{app}/callback", get(callback::callback))
        .route("/connect/{app}/identity/{name}", get(identity::show).post(identity::answer))
        .route("/account/connected-apps", get(list::show))
        .route("/account/connected-apps/{id}", get(detail::show))
        .route("/account/connected-apps/{id}/pause", post(pause::pause))
        .route("/account/connected-apps/{id}/resume", post(pause::resume))
        .route("/account/connected-apps/{id}/revoke", post(revoke::revoke))
        .route("/account/stop-all", post(stop_all::stop_all))
        .route("/account/connected-apps/{id}/consent", post(change::change))
}

/// How a connection is, in a person's words.
fn state(status: Status, standing: Standing, issuer: &str) -> State {
    let issuer = issuer.to_owned();
    match (status, standing) {
        (Status::NeedsReconnect, _) => State::NeedsYou { issuer },
        (Status::Revoking, _) | (_, Standing::Ending) => State::Stopping { issuer },
        (Status::Revoked, _) => State::Stopped,
        (_, Standing::Held) => State::Held,
        (_, Standing::PausedByYou) => State::PausedByYou,
        (status, Standing::Free) => undisturbed(status, issuer),
    }
}

fn undisturbed(status: Status, issuer: String) -> State {
    match status {
        Status::Active | Status::Refreshing => State::Active,
        Status::InDoubt | Status::Backoff => State::Checking { issuer },
        Status::Misconfigured => State::OperatorsTurn,
        Status::NeedsReconnect => State::NeedsYou { issuer },
        Status::Revoking => State::Stopping { issuer },
        Status::Revoked => State::Stopped,
    }
}

/// Each scope as a line for people, compared with what there was before.
fn permissions(third_party: &ThirdPartyApp, scopes: &Scopes, before: &Scopes) -> Vec<Permission> {
    let descriptions = &third_party.issuer.scope_descriptions;
    let permission = |scope: &str| Permission {
        line: describe(scope, descriptions),
        is_new: !before.contains(scope),
        name: scope.to_owned(),
    };
    scopes.gravest_first().map(permission).collect()
}

/// The home page, its host as it is on the wire.
fn home_page(third_party: &ThirdPartyApp) -> Option<HomePage> {
    let url = third_party.home_page.as_ref()?;
    Some(HomePage { href: url.to_string(), host: url.host_str()?.to_owned() })
}
