//! What a query is told of an environment: its addresses, its default stage, and what the app may do there for the person.

use async_graphql::{Enum, Json, SimpleObject};
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

/// Some actions on some content. Null for models, stages or locales means any of them.
#[derive(SimpleObject)]
pub struct Permission {
    actions: Vec<PermissionAction>,
    models: Option<Vec<String>>,
    stages: Option<Vec<String>>,
    locales: Option<Vec<String>>,
    /// What an entry must hold, compared as data.
    condition: Option<Json<Map<String, Value>>>,
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

impl From<&permission::Permission> for Permission {
    fn from(permission: &permission::Permission) -> Self {
        let names = |names: &Names| names.named().map(|names| names.iter().cloned().collect());
        Self {
            actions: permission.actions.iter().copied().map(PermissionAction::from).collect(),
            models: names(&permission.models),
            stages: names(&permission.stages),
            locales: names(&permission.locales),
            condition: permission.condition.as_ref().map(|condition| Json(condition.members().clone())),
        }
    }
}
