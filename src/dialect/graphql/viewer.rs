//! Whoever asks, and what its app may reach for it: projects, environments, their content tokens. Each value is asked of the
//! slices; what is reached is found once in a query. Judges nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject, Union};
use tokio::sync::OnceCell;

use super::environment::{Endpoints, Permission};
use super::failure::null;
use crate::Broker;
use crate::content::Requested;
use crate::content::exchange::{self, Kept, Order};
use crate::content::overview::{self, Open};
use crate::content::subject::Subject;
use crate::error::Error;

/// What belongs to one query.
pub struct Asking {
    broker: Broker,
    subject: Subject,
    open: OnceCell<Vec<Open>>,
}

impl Asking {
    #[must_use]
    pub const fn new(broker: Broker, subject: Subject) -> Self {
        Self { broker, subject, open: OnceCell::const_new() }
    }

    /// By the project's id.
    async fn projects(&self) -> Result<BTreeMap<&str, Project<'_>>, Error> {
        let open = self.open.get_or_try_init(|| overview::of_subject(&self.broker, &self.subject)).await?;
        let mut projects: BTreeMap<_, Project<'_>> = BTreeMap::new();
        for open in open {
            let id = open.environment.project.as_str();
            projects.entry(id).or_insert_with(|| Project { id, open: Vec::new() }).open.push(open);
        }
        Ok(projects)
    }
}

pub struct Query;

/// Where each query begins.
#[Object]
impl Query {
    /// Whoever asks.
    #[graphql(name = "_viewer")]
    async fn viewer(&self) -> Viewer {
        Viewer::User(UserViewer)
    }
}

/// Whoever may ask; here always a person.
#[derive(Union)]
enum Viewer {
    User(UserViewer),
}

struct UserViewer;

/// The person whose access token was sent.
#[Object]
#[expect(clippy::unused_async, reason = "async-graphql's resolvers are async")]
impl UserViewer {
    /// The same as the `id` of the user.
    async fn id(&self, context: &Context<'_>) -> async_graphql::Result<ID> {
        Ok(ID(context.data::<Asking>()?.subject.account.id.clone()))
    }

    /// Who it is.
    async fn user(&self, context: &Context<'_>) -> async_graphql::Result<User> {
        let account = &context.data::<Asking>()?.subject.account;
        let profile = Profile { email: account.email.clone(), name: account.name.clone() };
        Ok(User { id: ID(account.id.clone()), profile })
    }

    /// The projects of which the app may reach an environment for the person, by their ids.
    async fn projects<'c>(&self, context: &Context<'c>) -> async_graphql::Result<Option<Vec<Project<'c>>>> {
        Ok(match context.data::<Asking>()?.projects().await {
            Ok(projects) => Some(projects.into_values().collect()),
            Err(error) => null(context, &error),
        })
    }

    /// One of them. Null with an error when it is not among them.
    async fn project<'c>(&self, context: &Context<'c>, id: ID) -> async_graphql::Result<Option<Project<'c>>> {
        let projects = context.data::<Asking>()?.projects().await;
        let found = projects.and_then(|mut all| all.remove(id.as_str()).ok_or(Error::InvalidTarget));
        Ok(found.map_or_else(|error| null(context, &error), Some))
    }
}

/// A person.
#[derive(SimpleObject)]
struct User {
    /// The account's id here, which is the `sub` of its content tokens.
    id: ID,
    profile: Profile,
}

/// What the person's sign-in said of them.
#[derive(SimpleObject)]
struct Profile {
    email: Option<String>,
    name: Option<String>,
}

struct Project<'a> {
    id: &'a str,
    open: Vec<&'a Open>,
}

/// A project of a content platform.
#[Object]
impl<'a> Project<'a> {
    async fn id(&self) -> ID {
        ID(self.id.to_owned())
    }

    /// What people call it; its id where nobody named it.
    async fn name(&self) -> &str {
        let named = self.open.iter().find_map(|open| open.environment.settings.project_name.as_deref());
        named.unwrap_or(self.id)
    }

    /// Those that the app may reach for the person, by their names.
    async fn environments(&self) -> Vec<Environment<'a>> {
        self.open.iter().copied().map(Environment).collect()
    }

    /// One of them, by its id or its name, such as `master`. Null with an error when it is not among them.
    async fn environment(
        &self,
        context: &Context<'_>,
        id: Option<ID>,
        name: Option<String>,
    ) -> Option<Environment<'a>> {
        let name = id.map(|id| id.0).or(name).unwrap_or_default();
        let found = self.open.iter().copied().find(|open| open.environment.environment == name);
        found.map(Environment).or_else(|| null(context, &Error::InvalidTarget))
    }
}

struct Environment<'a>(&'a Open);

/// One environment of a project, with a content API of its own.
#[Object]
impl Environment<'_> {
    /// The same as its name, such as `master`.
    async fn id(&self) -> ID {
        ID(self.0.environment.environment.clone())
    }

    async fn name(&self) -> &str {
        &self.0.environment.environment
    }

    /// What people call it; its name where nobody named it.
    async fn display_name(&self) -> &str {
        self.0.environment.in_words().1
    }

    async fn endpoints(&self) -> Endpoints {
        Endpoints::of(&self.0.environment)
    }

    /// The stage that is meant where a request names none.
    async fn default_stage(&self) -> &str {
        &self.0.environment.settings.default_stage
    }

    /// What the app may do here for the person; null where another platform decides.
    async fn permissions(&self) -> Option<Vec<Permission<'_>>> {
        Some(self.0.permissions.as_ref()?.iter().map(Permission).collect())
    }

    /// A content token for this environment, attributable to the person. One in a query, of one environment. Null with an
    /// error when there is none.
    async fn auth_token(&self, context: &Context<'_>) -> async_graphql::Result<Option<String>> {
        let Asking { broker, subject, .. } = context.data()?;
        let environment: &Arc<_> = &self.0.environment;
        let exchanged = async {
            let requested = Requested::default();
            let permissions = exchange::permissions(requested, environment, subject)?;
            let order = Order { requested, permissions };
            exchange::exchange(broker, subject, None, environment, &order, Kept::Unknown).await
        };
        Ok(match exchanged.await {
            Ok(content_token) => Some(content_token.token.expose().to_owned()),
            Err(error) => null(context, &error),
        })
    }
}
