//! The management wire of the content platform: the `_viewer` query. A bad bearer is 401 with `errors`, too large a
//! body 413, too slow a one 408, too many requests 429, overload 503; every other fault is 200 with `errors`, as
//! GraphQL clients expect.

mod bounds;
mod environment;

use std::sync::Arc;

use async_graphql::{Context, EmptyMutation, EmptySubscription, ID, Object, Schema, SimpleObject, Union};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;

use self::environment::{Endpoints, Permission};
use super::authorization_header::bearer_token;
use crate::Broker;
use crate::content::Requested;
use crate::content::exchange::{self, Kept, Order, Target};
use crate::content::subject::{self, Subject};
use crate::edge::rejection::Rejection;
use crate::error::Error;

pub type ManagementSchema = Schema<Query, EmptyMutation, EmptySubscription>;

/// How much a query may ask is ours to judge, before the library walks it ([`bounds`]).
#[must_use]
pub fn schema() -> ManagementSchema {
    Schema::build(Query, EmptyMutation, EmptySubscription).finish()
}

pub fn router() -> Router<Broker> {
    Router::new().route("/graphql", post(graphql))
}

async fn graphql(
    State(broker): State<Broker>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let subject = match authenticate(&broker, &headers).await {
        Ok(subject) => subject,
        Err(error) => return refuse(&error),
    };
    let Ok(body) = body else { return refuse(&Error::TooLarge) };
    let Ok(request) = serde_json::from_slice::<async_graphql::Request>(&body) else {
        let sentence = "The body must be JSON with a `query`.".to_owned();
        return refuse(&Error::InvalidRequest(sentence));
    };
    let request = match bounded(request) {
        Ok(request) => request,
        Err(error) => return refuse(&error),
    };
    let schema = broker.management_schema.clone();
    let response = schema.execute(request.data(broker).data(subject)).await;
    axum::Json(response).into_response()
}

/// The same query, parsed, if it asks for no more than it may.
fn bounded(mut request: async_graphql::Request) -> Result<async_graphql::Request, Error> {
    bounds::judge_text(&request.query)?;
    // What can't be parsed is the library's to explain.
    if let Ok(document) = request.parsed_query() {
        bounds::judge(document)?;
    }
    Ok(request)
}

async fn authenticate(broker: &Broker, headers: &HeaderMap) -> Result<Subject, Error> {
    let token = bearer_token(headers).ok_or(Error::BearerRefused)?;
    let subject = subject::by_access_token(broker, &token).await.map_err(|error| match error {
        Error::SubjectTokenRefused => Error::BearerRefused,
        other => other,
    })?;
    broker.limits.know(&token);
    Ok(subject)
}

pub fn refuse(error: &Error) -> Response {
    error.report();
    let (status, code) = error.answer();
    let body =
        json!({ "data": null, "errors": [{ "message": error.to_string(), "extensions": { "code": code } }] });
    let status = match status {
        StatusCode::UNAUTHORIZED
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::SERVICE_UNAVAILABLE => status,
        _ => StatusCode::OK,
    };
    let mut response = (status, axum::Json(body)).into_response();
    Rejection::put(error, &mut response);
    if let Some(seconds) = error.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// The failure as one entry of `errors`, its code beside it.
fn graphql_error(error: &Error) -> async_graphql::Error {
    let (_, code) = error.answer();
    error.report();
    let mut failure = async_graphql::Error::new(error.to_string());
    let mut extensions = async_graphql::ErrorExtensionValues::default();
    extensions.set("code", code);
    if let Error::ReconnectRequired { connect_url, .. } = error {
        extensions.set("connectUrl", connect_url.as_str());
    }
    failure.extensions = Some(extensions);
    failure
}

/// A field without a value, and why: the library would leave out the field, and clients expect a null.
fn null<T>(context: &Context<'_>, error: &Error) -> Option<T> {
    let failure = graphql_error(error).into_server_error(context.item.pos);
    context.add_error(context.set_error_path(failure));
    None
}

pub struct Query;

#[Object]
impl Query {
    /// Who is asking.
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

#[Object]
#[expect(clippy::unused_async, reason = "async-graphql's resolvers are async")]
impl UserViewer {
    async fn id(&self, context: &Context<'_>) -> async_graphql::Result<ID> {
        Ok(ID(context.data::<Subject>()?.account.id.clone()))
    }

    async fn user(&self, context: &Context<'_>) -> async_graphql::Result<User> {
        let account = &context.data::<Subject>()?.account;
        let profile = Profile { email: account.email.clone(), name: account.name.clone() };
        Ok(User { id: ID(account.id.clone()), profile })
    }

    /// Null with an error when the project is not one that this app may reach for this person.
    async fn project(&self, context: &Context<'_>, id: ID) -> async_graphql::Result<Option<Project>> {
        let (broker, subject) = (context.data::<Broker>()?, context.data::<Subject>()?);
        let open = crate::content::open_environments(broker, &subject.app.key, &subject.account).await;
        Ok(match open {
            Ok(open)
                if open.iter().any(|environment| {
                    environment.project == *id && exchange::is_open(environment, subject)
                }) =>
            {
                Some(Project { id })
            }
            Ok(_) => null(context, &Error::InvalidTarget),
            Err(error) => null(context, &error),
        })
    }
}

#[derive(SimpleObject)]
struct User {
    id: ID,
    profile: Profile,
}

#[derive(SimpleObject)]
struct Profile {
    email: Option<String>,
    name: Option<String>,
}

struct Project {
    id: ID,
}

#[Object]
impl Project {
    async fn id(&self) -> &ID {
        &self.id
    }

    /// By the environment's id or name, such as `master`.
    async fn environment(
        &self,
        context: &Context<'_>,
        id: Option<ID>,
        name: Option<String>,
    ) -> async_graphql::Result<Option<Environment>> {
        let (broker, subject) = (context.data::<Broker>()?, context.data::<Subject>()?);
        let name = id.map(|id| id.0).or(name).unwrap_or_default();
        let target = Target::Named { project: &self.id, environment: &name };
        Ok(match exchange::target(broker, subject, target).await {
            Ok(environment) => Some(Environment(environment)),
            Err(error) => null(context, &error),
        })
    }
}

struct Environment(Arc<crate::content::Environment>);

#[Object]
impl Environment {
    async fn id(&self) -> ID {
        ID(self.0.environment.clone())
    }

    async fn name(&self) -> &str {
        &self.0.environment
    }

    async fn endpoints(&self) -> Endpoints {
        Endpoints::of(&self.0)
    }

    /// The stage that is meant where a request names none.
    async fn default_stage(&self) -> &str {
        &self.0.settings.default_stage
    }

    /// What the app may do here for the person; null where another platform decides.
    async fn permissions(&self, context: &Context<'_>) -> async_graphql::Result<Option<Vec<Permission>>> {
        let subject = context.data::<Subject>()?;
        if !self.0.strategy.mints() {
            return Ok(None);
        }
        let allowed = exchange::allowed(&self.0, subject).unwrap_or_default();
        Ok(Some(allowed.iter().map(Permission::from).collect()))
    }

    /// A content token for this environment, attributable to the person. One in a query.
    async fn auth_token(&self, context: &Context<'_>) -> async_graphql::Result<String> {
        let (broker, subject) = (context.data::<Broker>()?, context.data::<Subject>()?);
        let minted = async {
            let requested = Requested::default();
            let permissions = exchange::permissions(requested, &self.0, subject)?;
            let order = Order { requested, permissions };
            exchange::exchange(broker, subject, None, &self.0, &order, Kept::Unknown).await
        };
        let token = minted.await.map_err(|error| graphql_error(&error))?;
        Ok(token.token.expose().to_owned())
    }
}
