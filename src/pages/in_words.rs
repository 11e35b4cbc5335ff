//! How a connection, what it may do, and its app's home page read for people. Decides nothing.

use super::trouble;
use crate::app::App;
use crate::connection::status::{Cause, Status};
use crate::freeze::freezes::Standing;
use crate::issuer::scope::{Scopes, describe};
use crate::web::view::{HomePage, Permission, Permissions, State};

/// How a connection is, in a person's words.
pub fn state(status: Status, cause: Option<Cause>, standing: Standing, issuer: &str) -> State {
    let needs_you = || State::NeedsYou { why: trouble::why_you(cause, issuer) };
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
pub fn permissions(app: &App, scopes: &Scopes, before: &Scopes) -> Permissions {
    let descriptions = &app.issuer.scope_descriptions;
    let permission = |scope: &str| Permission {
        line: describe(scope, descriptions),
        is_new: !before.contains(scope),
        name: scope.to_owned(),
    };
    Permissions::of(scopes.gravest_first().map(permission))
}

/// The home page, its host as it is on the wire.
pub fn home_page(app: &App) -> Option<HomePage> {
    let url = app.home_page.as_ref().filter(|url| crate::app::is_web(url))?;
    Some(HomePage { href: url.to_string(), host: url.host_str()?.to_owned() })
}
