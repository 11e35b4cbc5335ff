//! What somebody may do at an environment by nobody's leave but the operator's: a caller by itself, and a person by a page of the
//! platform. Pure.

use super::Refusal;
use crate::access::by_itself::OwnFacts;
use crate::access::by_session::SessionFacts;
use crate::clock::Timestamp;
use crate::content::permission::Permissions;

/// What a caller may do by itself at an environment, for nobody: what the operator says, and nothing where another platform
/// gives the tokens.
///
/// # Errors
/// The first rule that is broken.
pub fn by_itself(facts: &OwnFacts) -> Result<&Permissions, Refusal> {
    if !facts.is_usable && facts.permissions.is_some() {
        return Err(Refusal::CallerSuspended);
    }
    let minted = facts.environment.strategy.mints();
    let permissions = facts.permissions.as_deref().filter(|_| minted).ok_or(Refusal::EnvironmentClosed)?;
    if facts.is_frozen { Err(Refusal::Frozen) } else { Ok(permissions) }
}

/// What a person may do at an environment by pages of this origin: what the operator lets the account do, and nothing where
/// another platform gives the tokens.
///
/// # Errors
/// The first rule that is broken.
pub fn by_session(facts: SessionFacts<'_>, origin: &str, now: Timestamp) -> Result<Permissions, Refusal> {
    let SessionFacts { environment, account, is_frozen } = facts;
    let account = account.ok_or(Refusal::AccountGone)?;
    if is_frozen {
        return Err(Refusal::Frozen);
    }
    let is_open = environment.strategy.mints() && environment.is_open_to_pages_of(origin);
    let permissions = is_open.then(|| environment.permissions_of(account, now));
    permissions.filter(|permissions| !permissions.is_empty()).ok_or(Refusal::EnvironmentClosed)
}
