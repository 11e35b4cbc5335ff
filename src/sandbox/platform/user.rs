//! The author of a change as the content API shows it.

use async_graphql::{Enum, SimpleObject};

/// What kind of author it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum UserKind {
    /// A person.
    Member,
    /// Somebody whom the directory does not know.
    Unknown,
}

/// An author.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub struct User {
    /// The issuer's subject.
    pub id: String,
    /// The name in the directory, or else the id.
    pub name: String,
    /// What kind of author it is.
    pub kind: UserKind,
    /// The app through which they wrote, if the token says so.
    #[graphql(skip)]
    pub app: Option<String>,
    /// The caller that acted for them (`act.sub`), if the token says so.
    #[graphql(skip)]
    pub actor: Option<String>,
}
