//! Whether what a request wants is among the permissions that came with it. Everything that the schema does asks here.

use async_graphql::{Context, Error, ErrorExtensions};

use super::entry::{Entry, LOCALE, MODEL, Stage};
use crate::content::permission::{Action, Permissions, Request};

/// Whether this may be done to an entry.
pub(super) fn allows(permissions: &Permissions, action: Action, stage: Stage, entry: &Entry) -> bool {
    let entry = &entry.data();
    permissions.allows(&Request { action, model: MODEL, stage: stage.into(), locale: LOCALE, entry })
}

/// Whether this may be done to any entry there.
pub(super) fn may(permissions: &Permissions, action: Action, stage: Stage) -> bool {
    permissions.iter().any(|one| {
        one.actions.contains(&action)
            && one.models.holds(MODEL)
            && one.stages.holds(stage.into())
            && one.locales.holds(LOCALE)
    })
}

/// Refuses what may not be done to an entry.
pub(super) fn judge(
    context: &Context<'_>,
    action: Action,
    stage: Stage,
    entry: &Entry,
) -> async_graphql::Result<()> {
    let permissions = context.data::<Permissions>()?;
    if allows(permissions, action, stage, entry) { Ok(()) } else { Err(forbidden(action, stage)) }
}

/// In the language of GraphQL.
pub(super) fn forbidden(action: Action, stage: Stage) -> Error {
    let (action, stage) = (<&str>::from(action), <&str>::from(stage));
    let sentence = format!("The token does not permit to {action} this in the stage {stage}");
    Error::new(sentence).extend_with(|_, extensions| extensions.set("code", "forbidden"))
}
