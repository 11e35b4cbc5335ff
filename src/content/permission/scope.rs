//! The scope of a content token, which is derived from its permissions and says less than they do.

use super::{Action, Permissions};
use crate::issuer::scope::Scopes;

pub const READ: &str = "content:read";
pub const WRITE: &str = "content:write";
/// Those that there are.
pub const ALL: &str = "content:read content:write";

/// `content:read` if anything may be read, `content:write` if anything else may be done.
#[must_use]
pub fn of(permissions: &Permissions) -> Scopes {
    Scopes::lenient(match (permissions.may(Action::Read), writes(permissions)) {
        (true, true) => ALL,
        (true, false) => READ,
        (false, true) => WRITE,
        (false, false) => "",
    })
}

/// Whether anything may be done beside reading.
#[must_use]
pub fn writes(permissions: &Permissions) -> bool {
    Action::ALL.into_iter().any(|action| !action.only_reads() && permissions.may(action))
}

/// No more than a scope says.
#[must_use]
pub fn narrow(permissions: &Permissions, scopes: &Scopes) -> Permissions {
    let named = |scope| Scopes::lenient(scope).is_subset(scopes);
    let (reads, writes) = (named(READ), named(WRITE));
    permissions
        .only(Action::ALL.into_iter().filter(|action| if action.only_reads() { reads } else { writes }))
}
