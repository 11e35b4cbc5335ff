//! `POST /v2/{project}/{environment}`: the content API. One model, enough for the source document's function.
#![expect(clippy::unused_async, reason = "resolvers are async by the library's contract")]

use std::sync::LazyLock;

use async_graphql::parser::types::{DocumentOperations, OperationType};
use async_graphql::{Context, EmptySubscription, ID, InputObject, Object, Request, Schema};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::bearer::{self, Bearer};
use super::{Entry, Environment, Platform, User};
use crate::sandbox::fault::through;
use crate::sandbox::locked;
use crate::secret::random_text;

/// Built once; the platform, the environment and the bearer come with each request.
static SCHEMA: LazyLock<Schema<Query, Mutation, EmptySubscription>> =
    LazyLock::new(|| Schema::new(Query, Mutation, EmptySubscription));

struct Query;
struct Mutation;

#[Object]
impl Query {
    /// The entries of this environment, the oldest first.
    #[graphql(name = "demoModel23May20250843S")]
    async fn entries(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Entry>> {
        let here = context.data::<Environment>()?;
        let entries = context.data::<Platform>()?.entries();
        Ok(entries.into_iter().filter(|entry| entry.environment == *here).collect())
    }
}

#[Object]
impl Mutation {
    /// Creates an entry; its author is whoever the bearer token speaks for.
    #[graphql(name = "createDemoModel23May20250843")]
    async fn create(&self, context: &Context<'_>, data: CreateInput) -> async_graphql::Result<Option<Entry>> {
        let platform = context.data::<Platform>()?;
        let entry = Entry {
            id: ID(format!("entry_{}", random_text::<12>())),
            title: data.title,
            slug: data.slug,
            environment: context.data::<Environment>()?.clone(),
            created_at: platform.now(),
            created_by: Some(context.data::<User>()?.clone()),
            published_by: None,
        };
        locked(&platform.0.entries).push(entry.clone());
        Ok(Some(entry))
    }
}

#[derive(InputObject)]
#[graphql(name = "DemoModel23May20250843CreateInput")]
struct CreateInput {
    title: Option<String>,
    slug: Option<String>,
}

/// A GraphQL request to one environment.
pub(super) async fn answer(
    State(platform): State<Platform>,
    Path((project, environment)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = platform.faults().content.take();
    let environment = Environment { project, environment };
    through(fault, process(&platform, environment, &headers, &body)).await
}

async fn process(
    platform: &Platform,
    environment: Environment,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    if !platform.0.settings.environments.contains(&environment) {
        return failed(StatusCode::NOT_FOUND, "There is no such environment");
    }
    let Some(bearer) = bearer::at_content_api(platform, headers, &environment).await else {
        return bearer::unauthorized();
    };
    let Ok(mut request) = serde_json::from_slice::<Request>(body) else {
        return failed(StatusCode::BAD_REQUEST, "The body is not a GraphQL request in JSON");
    };
    if let Some(missing) = missing_scope(&mut request, &bearer) {
        return bearer::insufficient_scope(missing);
    }
    let request = request.data(platform.clone()).data(environment).data(bearer.user);
    Json(SCHEMA.execute(request).await).into_response()
}

/// The scope that the operation needs and the bearer lacks. A document that does not parse needs none: its
/// answer is the parser's complaint.
fn missing_scope(request: &mut Request, bearer: &Bearer) -> Option<&'static str> {
    let wanted = request.operation_name.clone();
    let document = request.parsed_query().ok()?;
    let writes = match &document.operations {
        DocumentOperations::Single(operation) => operation.node.ty == OperationType::Mutation,
        DocumentOperations::Multiple(operations) => operations
            .iter()
            .filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| *wanted == name.as_str()))
            .any(|(_, operation)| operation.node.ty == OperationType::Mutation),
    };
    match writes {
        true if !bearer.may_write => Some("content:write"),
        false if !bearer.may_read => Some("content:read"),
        _ => None,
    }
}

fn failed(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "data": null, "errors": [{ "message": message }] }))).into_response()
}
