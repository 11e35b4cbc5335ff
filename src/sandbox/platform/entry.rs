//! One content entry.

use async_graphql::{ID, SimpleObject};

use super::{Environment, User};
use crate::clock::Timestamp;

/// An entry of the one model that every environment has.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
#[graphql(name = "DemoModel23May20250843", complex)]
pub struct Entry {
    /// The entry's id.
    pub id: ID,
    /// Its title.
    pub title: Option<String>,
    /// Its slug.
    pub slug: Option<String>,
    /// Where it lives.
    #[graphql(skip)]
    pub environment: Environment,
    /// When it was made.
    #[graphql(skip)]
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Option<User>,
    /// Who published it: nobody, here.
    pub published_by: Option<User>,
}

#[async_graphql::ComplexObject]
impl Entry {
    async fn created_at(&self) -> String {
        self.created_at.rfc3339()
    }
}
