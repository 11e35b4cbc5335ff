//! Freezes: what is stopped for a while, and what is ended in bulk.
//!
//! | who comes in | which file decides | where it ends |
//! | --- | --- | --- |
//! | the operator freezes, a person pauses | [`freezes`] | a row that every hand-out is judged by |
//! | the operator looks before acting | [`reach`] | people, grants and apps, counted |
//! | the operator revokes all of something | [`mass_revoke`] | a freeze, then each connection ended |
//! | an old copy of the database was restored | [`restored_copy`] | a freeze of all that was agreed to before |
//!
//! What a freeze is about is a [`selection`].

pub mod freezes;
pub mod mass_revoke;
pub mod reach;
pub mod restored_copy;
pub mod selection;

pub(crate) mod store;
