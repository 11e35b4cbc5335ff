//! `POST /graphql`: the management API. Its `_viewer` query gives a person an opaque token for an environment.
#![expect(clippy::unused_async, reason = "resolvers are async by the library's contract")]

use std::sync::LazyLock;

use async_graphql::{
    Context, EmptyMutation, EmptySubscription, ID, Object, Request, Schema, SimpleObject, Union,
};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Environment, Platform, bearer};
use crate::sandbox::fault::through;
use crate::sandbox::{Person, locked};

static SCHEMA: LazyLock<Schema<Query, EmptyMutation, EmptySubscription>> =
    LazyLock::new(|| Schema::new(Query, EmptyMutation, EmptySubscription));

/// Who asks, and through which app.
#[derive(Clone)]
struct Asker {
    subject: String,
    client: Option<String>,
}

struct Query;

#[Object]
impl Query {
    #[graphql(name = "_viewer")]
    async fn viewer(&self, context: &Context<'_>) -> async_graphql::Result<Option<Viewer>> {
        Ok(Some(Viewer::User(UserViewer(context.data::<Asker>()?.clone()))))
    }
}

#[derive(Union)]
enum Viewer {
    User(UserViewer),
}

struct UserViewer(Asker);

#[Object]
impl UserViewer {
    async fn id(&self) -> ID {
        ID(self.0.subject.clone())
    }

    async fn user(&self, context: &Context<'_>) -> async_graphql::Result<Account> {
        let id = self.0.subject.clone();
        let person = context.data::<Platform>()?.name_of(&id);
        let of = |part: fn(&Person) -> &String| person.map(part).cloned();
        Ok(Account {
            profile: Profile { email: of(|person| &person.email), name: of(|person| &person.name) },
            id,
        })
    }

    async fn project(&self, context: &Context<'_>, id: ID) -> async_graphql::Result<Option<Project>> {
        let environments = &context.data::<Platform>()?.0.settings.environments;
        let known = environments.iter().any(|environment| environment.project == id.as_str());
        Ok(known.then(|| Project { id: id.0, asker: self.0.clone() }))
    }
}

#[derive(SimpleObject)]
#[graphql(name = "User")]
struct Account {
    id: String,
    profile: Profile,
}

#[derive(SimpleObject)]
struct Profile {
    email: Option<String>,
    name: Option<String>,
}

struct Project {
    id: String,
    asker: Asker,
}

#[Object]
impl Project {
    async fn id(&self) -> ID {
        ID(self.id.clone())
    }

    async fn environment(&self, context: &Context<'_>, id: ID) -> async_graphql::Result<Option<Place>> {
        let environment = Environment::new(&self.id, id.as_str());
        let known = context.data::<Platform>()?.0.settings.environments.contains(&environment);
        Ok(known.then(|| Place { environment, asker: self.asker.clone() }))
    }
}

struct Place {
    environment: Environment,
    asker: Asker,
}

#[Object(name = "Environment")]
impl Place {
    async fn id(&self) -> ID {
        ID(self.environment.environment.clone())
    }

    async fn auth_token(&self, context: &Context<'_>) -> async_graphql::Result<String> {
        let platform = context.data::<Platform>()?;
        let Asker { subject, client } = self.asker.clone();
        Ok(platform.give(subject, client, self.environment.clone()))
    }
}

/// A GraphQL request to the management API.
pub(super) async fn answer(State(platform): State<Platform>, headers: HeaderMap, body: Bytes) -> Response {
    *locked(&platform.0.asked) += 1;
    let fault = platform.faults().management.take();
    through(fault, process(&platform, &headers, &body)).await
}

async fn process(platform: &Platform, headers: &HeaderMap, body: &[u8]) -> Response {
    let Some((subject, client)) = bearer::at_management_api(platform, headers).await else {
        return bearer::unauthorized();
    };
    let Ok(request) = serde_json::from_slice::<Request>(body) else {
        let errors = json!({ "errors": [{ "message": "The body is not a GraphQL request in JSON" }] });
        return (StatusCode::BAD_REQUEST, Json(errors)).into_response();
    };
    let request = request.data(platform.clone()).data(Asker { subject, client });
    Json(SCHEMA.execute(request).await).into_response()
}
