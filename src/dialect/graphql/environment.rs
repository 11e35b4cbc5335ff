//! What a query is told of an environment: its addresses, its default stage, and what the app may do there for the person.

use async_graphql::{Enum, Json, Object, SimpleObject};
use serde_json::{Map, Value};

use crate::content::Environment;
use crate::content::permission::{self, Names};

/// Where the content API is.
#[derive(SimpleObject)]
pub struct Endpoints {
    content: String,
    /// For much reading; null where there is none.
    high_performance: Option<String>,
}

pub struct Permission<'a>(pub &'a permission::Permission);

/// Some actions on some content. Null for models, stages or locales means any of them.
#[Object]
impl Permission<'_> {
    async fn actions(&self) -> Vec<PermissionAction> {
        self.0.actions.iter().copied().map(PermissionAction::from).collect()
    }

    async fn models(&self) -> Option<Vec<&str>> {
        named(&self.0.models)
    }

    async fn stages(&self) -> Option<Vec<&str>> {
        named(&self.0.stages)
    }

    async fn locales(&self) -> Option<Vec<&str>> {
        named(&self.0.locales)
    }

    /// What an entry must hold, compared as data.
    async fn condition(&self) -> Option<Json<Map<String, Value>>> {
        self.0.condition.as_ref().map(|condition| Json(condition.members().clone()))
    }
}

fn named(names: &Names) -> Option<Vec<&str>> {
    names.named().map(|names| names.iter().map(String::as_str).collect())
}

/// What is done to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::content::permission::Action")]
pub enum PermissionAction {
    Read,
    Create,
    Update,
    Delete,
    Publish,
    Unpublish,
}

impl Endpoints {
    pub fn of(environment: &Environment) -> Self {
        let second = environment.settings.high_performance_url.as_ref();
        Self {
            content: environment.content_api_url.to_string(),
            high_performance: second.map(ToString::to_string),
        }
    }
}
