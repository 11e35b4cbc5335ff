//! The pages of the connected apps: the list, one connection, and what a person does with it.

mod activity;
mod change;
mod detail;
mod list;
mod own;
mod pause;
mod receipt_in_words;
mod revoke;
mod stop_all;
mod store;

use axum::Router;
use axum::routing::{get, post};

use crate::Broker;
use crate::app::App;
use crate::issuer::scope::{Scopes, describe};
use crate::web::view::{HomePage, Permission, Permissions, State};

use crate::connection::status::{Cause, Status};
use crate::freeze::freezes::Standing;

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

/// How a connection is, in a person's words.
fn state(status: Status, cause: Option<Cause>, standing: Standing, issuer: &str) -> State {
    let needs_you = || State::NeedsYou { why: crate::consent::pages::trouble::why_you(cause, issuer) };
    let issuer = issuer.to_owned();
    match (status, standing) {
        (Status::NeedsReconnect, _) => needs_you(),
        (Status::Revoking, _) | (_, Standing::Ending) => State::Stopping { issuer },
        (Status::Revoked, _) => State::Stopped,
        (_, Standing::Held) => State::Held,
        (_, Standing::PausedByYou) => State::PausedByYou,
        (Status::Active | Status::Refreshing, Standing::Free) => State::Active,
        (Status::InDoubt | Status::Backoff, Standing::Free) => State::Checking { issuer },
        (Status::Misconfigured, Standing::Free) => State::OperatorsTurn,
    }
}

/// Each scope as a line for people, compared with what there was before.
pub(crate) fn permissions(app: &App, scopes: &Scopes, before: &Scopes) -> Permissions {
    let descriptions = &app.issuer.scope_descriptions;
    let permission = |scope: &str| Permission {
        line: describe(scope, descriptions),
        is_new: !before.contains(scope),
        name: scope.to_owned(),
    };
    Permissions::of(scopes.gravest_first().map(permission))
}

/// The home page, its host as it is on the wire.
pub(crate) fn home_page(app: &App) -> Option<HomePage> {
    let url = app.home_page.as_ref().filter(|url| crate::app::is_web(url))?;
    Some(HomePage { href: url.to_string(), host: url.host_str()?.to_owned() })
}
