//! One content entry.

use async_graphql::{Enum, ID, SimpleObject};
use serde_json::{Map, Value, json};

use super::{Environment, User};
use crate::clock::Timestamp;

/// The name of the one model that every environment has.
pub const MODEL: &str = "DemoModel23May20250843";
/// The one locale that entries have.
pub const LOCALE: &str = "en";

/// Where an entry is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "UPPERCASE")]
pub enum Stage {
    /// Where it is written.
    Draft,
    /// What was published.
    Published,
}

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
    /// Who made it; nobody, where no token was asked for.
    pub created_by: Option<User>,
    /// Who published it.
    pub published_by: Option<User>,
    /// Whether it is seen in the stage `PUBLISHED`.
    #[graphql(skip)]
    pub is_published: bool,
}

impl Entry {
    /// Whether it is seen there.
    #[must_use]
    pub fn is_in(&self, stage: Stage) -> bool {
        stage == Stage::Draft || self.is_published
    }

    /// As conditions of permissions see it.
    pub(super) fn data(&self) -> Map<String, Value> {
        let author = self.created_by.as_ref().map(|user| json!({ "id": user.id }));
        let data =
            json!({ "id": self.id.as_str(), "title": self.title, "slug": self.slug, "createdBy": author });
        data.as_object().cloned().unwrap_or_default()
    }
}

#[async_graphql::ComplexObject]
impl Entry {
    async fn created_at(&self) -> String {
        self.created_at.rfc3339()
    }
}
