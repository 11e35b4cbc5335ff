//! The management wire of the content platform: the `_viewer` query. A bad bearer is 401 with `errors`, too large a
//! body 413, too slow a one 408, too many requests 429, overload 503; every other fault is 200 with `errors`, as
//! GraphQL clients expect.

mod bounds;
pub mod cross_origin;
mod environment;
mod failure;
mod values;
mod viewer;

use std::sync::Arc;

use async_graphql::{EmptyMutation, EmptySubscription, Schema};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;

pub use self::failure::refuse;
use self::values::{Counting, Values};
use self::viewer::{Asking, Query};
use super::authorization_header::bearer_token;
use crate::Broker;
use crate::content::subject::{self, Subject};
use crate::error::Error;

pub type ManagementSchema = Schema<Query, EmptyMutation, EmptySubscription>;

/// How much a query may ask is ours to judge, before the library walks it ([`bounds`]) and while it finds values
/// ([`values`]).
#[must_use]
pub fn schema() -> ManagementSchema {
    Schema::build(Query, EmptyMutation, EmptySubscription).extension(Counting).finish()
}

pub fn router() -> Router<Broker> {
    Router::new().route("/graphql", post(graphql).options(cross_origin::preflight))
}

async fn graphql(
    State(broker): State<Broker>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let answer = async {
        let subject = authenticate(&broker, &headers).await?;
        let request = read(&body.map_err(|_| Error::TooLarge)?)?;
        execute(broker, subject, request).await
    };
    answer.await.map_or_else(|error| refuse(&error), |response| axum::Json(response).into_response())
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

/// One query, parsed, that asks for no more than it may.
fn read(body: &[u8]) -> Result<async_graphql::Request, Error> {
    if body.trim_ascii_start().starts_with(b"[") {
        let sentence = "A batch of queries is refused here; send one query in a request.".to_owned();
        return Err(Error::InvalidRequest(sentence));
    }
    let mut request: async_graphql::Request = serde_json::from_slice(body)
        .map_err(|_| Error::InvalidRequest("The body must be JSON with a `query`.".to_owned()))?;
    bounds::judge_text(&request.query)?;
    // What can't be parsed is the library's to explain.
    if let Ok(document) = request.parsed_query() {
        bounds::judge(document)?;
    }
    Ok(request)
}

async fn execute(
    broker: Broker,
    subject: Subject,
    request: async_graphql::Request,
) -> Result<async_graphql::Response, Error> {
    let schema = broker.management_schema.clone();
    let values = Arc::new(Values::default());
    let request = request.data(Asking::new(broker, subject)).data(Arc::clone(&values));
    let mut response = tokio::select! {
        biased;
        () = values.too_many() => {
            let most = values::MOST;
            return Err(Error::InvalidRequest(format!("The answer would hold more than {most} values; ask for less at once.")));
        }
        response = schema.execute(request) => response,
    };
    failure::give_codes(&mut response);
    Ok(response)
}
