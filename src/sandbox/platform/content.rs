//! `POST /v2/{project}/{environment}`: the content API. One model, enough for the source document's function; what may be
//! done to it is asked of `permit.rs`.
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
use super::{Entry, Environment, Platform, Stage, User, permit};
use crate::content::permission::{Action, Permissions, scope};
use crate::issuer::scope::Scopes;
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
    /// The entries of this environment that the token permits to read in that stage, the oldest first.
    #[graphql(name = "demoModel23May20250843S")]
    async fn entries(
        &self,
        context: &Context<'_>,
        stage: Option<Stage>,
    ) -> async_graphql::Result<Vec<Entry>> {
        let here = context.data::<Environment>()?;
        let permissions = context.data::<Permissions>()?;
        let stage = stage.unwrap_or(context.data::<DefaultStage>()?.0);
        if !permit::may(permissions, Action::Read, stage) {
            return Err(permit::forbidden(Action::Read, stage));
        }
        let entries = context.data::<Platform>()?.entries().into_iter();
        let seen = entries.filter(|entry| entry.environment == *here && entry.is_in(stage));
        Ok(seen.filter(|entry| permit::allows(permissions, Action::Read, stage, entry)).collect())
    }
}

#[Object]
impl Mutation {
    /// Creates an entry; its author is whoever the bearer token speaks for.
    #[graphql(name = "createDemoModel23May20250843")]
    async fn create(&self, context: &Context<'_>, data: Data) -> async_graphql::Result<Option<Entry>> {
        let platform = context.data::<Platform>()?;
        let entry = Entry {
            id: ID(format!("entry_{}", random_text::<12>())),
            title: data.title,
            slug: data.slug,
            environment: context.data::<Environment>()?.clone(),
            created_at: platform.now(),
            created_by: context.data::<Option<User>>()?.clone(),
            published_by: None,
            is_published: false,
        };
        permit::judge(context, Action::Create, Stage::Draft, &entry)?;
        locked(&platform.0.entries).push(entry.clone());
        Ok(Some(entry))
    }

    #[graphql(name = "updateDemoModel23May20250843")]
    async fn update(
        &self,
        context: &Context<'_>,
        #[graphql(name = "where")] named: Where,
        data: Data,
    ) -> async_graphql::Result<Option<Entry>> {
        change(context, &named, Action::Update, Stage::Draft, |entry| {
            entry.title = data.title.or(entry.title.take());
            entry.slug = data.slug.or(entry.slug.take());
        })
    }

    #[graphql(name = "publishDemoModel23May20250843")]
    async fn publish(
        &self,
        context: &Context<'_>,
        #[graphql(name = "where")] named: Where,
    ) -> async_graphql::Result<Option<Entry>> {
        let user = context.data::<Option<User>>()?.clone();
        change(context, &named, Action::Publish, Stage::Published, |entry| {
            (entry.is_published, entry.published_by) = (true, user);
        })
    }

    #[graphql(name = "unpublishDemoModel23May20250843")]
    async fn unpublish(
        &self,
        context: &Context<'_>,
        #[graphql(name = "where")] named: Where,
    ) -> async_graphql::Result<Option<Entry>> {
        change(context, &named, Action::Unpublish, Stage::Published, |entry| {
            (entry.is_published, entry.published_by) = (false, None);
        })
    }

    #[graphql(name = "deleteDemoModel23May20250843")]
    async fn delete(
        &self,
        context: &Context<'_>,
        #[graphql(name = "where")] named: Where,
    ) -> async_graphql::Result<Option<Entry>> {
        let deleted = change(context, &named, Action::Delete, Stage::Draft, |_| {})?;
        locked(&context.data::<Platform>()?.0.entries).retain(|entry| entry.id != named.id);
        Ok(deleted)
    }
}

/// The entry as it is then; none when there is none. Both as it is and as it becomes it must be permitted: nobody moves
/// an entry out of a condition, or into one.
fn change(
    context: &Context<'_>,
    named: &Where,
    action: Action,
    stage: Stage,
    change: impl FnOnce(&mut Entry),
) -> async_graphql::Result<Option<Entry>> {
    let here = context.data::<Environment>()?;
    let mut entries = locked(&context.data::<Platform>()?.0.entries);
    let Some(entry) = entries.iter_mut().find(|entry| entry.id == named.id && entry.environment == *here)
    else {
        return Ok(None);
    };
    permit::judge(context, action, stage, entry)?;
    let mut changed = entry.clone();
    change(&mut changed);
    permit::judge(context, action, stage, &changed)?;
    *entry = changed.clone();
    Ok(Some(changed))
}

#[derive(InputObject)]
#[graphql(name = "DemoModel23May20250843CreateInput")]
struct Data {
    title: Option<String>,
    slug: Option<String>,
}

#[derive(InputObject)]
#[graphql(name = "DemoModel23May20250843WhereUniqueInput")]
struct Where {
    id: ID,
}

/// What is meant where an argument names no stage.
#[derive(Clone, Copy)]
struct DefaultStage(Stage);

impl DefaultStage {
    /// By the header, else by what is usual; None for a header that names no stage.
    fn of(platform: &Platform, headers: &HeaderMap, bearer: &Bearer) -> Option<Self> {
        let settings = &platform.0.settings;
        let usual = if bearer.user.is_some() { settings.default_stage } else { Stage::Published };
        match headers.get(&settings.stage_header) {
            None => Some(Self(usual)),
            Some(named) => named.to_str().ok()?.parse().ok().map(Self),
        }
    }
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
    let Some(stage) = DefaultStage::of(platform, headers, &bearer) else {
        return failed(StatusCode::BAD_REQUEST, "The header names no stage; there are DRAFT and PUBLISHED");
    };
    let request = request.data(platform.clone()).data(environment).data(stage);
    let request = request.data(bearer.user).data(bearer.permissions);
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
    let needed = if writes { scope::WRITE } else { scope::READ };
    let has = Scopes::lenient(needed).is_subset(&scope::of(&bearer.permissions));
    (!has).then_some(needed)
}

fn failed(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "data": null, "errors": [{ "message": message }] }))).into_response()
}
