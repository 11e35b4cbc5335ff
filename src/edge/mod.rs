//! What happens to every request before a verb is asked, and to every answer after it: a place or a refusal, an id,
//! the counts, the headers that all answers carry, and an answer even where something panicked. One layer, because
//! each costs every request. Asks no database, and reads no body but where a credential may stand in it that lets its
//! sender past an address's wait.

pub mod address;
mod answer_timeout;
mod finish;
pub mod mount;
pub mod rejection;
mod request;
mod throttle;

use std::convert::Infallible;
use std::future::ready;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt;
use tower::{Layer, Service, ServiceExt};

use self::answer_timeout::{InTime, Work};
use self::finish::{count, finish, given_up, refuse};
use self::rejection::Rejection;
use self::request::EdgeRequest;
use self::throttle::Verdict;
use crate::Broker;
use crate::dialect;
use crate::error::Error;
use crate::limits::AcceptedCredential;
use crate::load::Permit;
use crate::request_id;
use crate::server::body;

/// Puts a router behind the edge.
#[derive(Clone)]
pub struct EdgeLayer {
    broker: Broker,
}

#[must_use]
pub fn layer(broker: &Broker) -> EdgeLayer {
    EdgeLayer { broker: broker.clone() }
}

impl<S> Layer<S> for EdgeLayer {
    type Service = Edge<S>;

    fn layer(&self, inner: S) -> Edge<S> {
        Edge { broker: self.broker.clone(), inner }
    }
}

#[derive(Clone)]
pub struct Edge<S> {
    broker: Broker,
    inner: S,
}

impl<S> Service<Request> for Edge<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = InTime;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let asked = Arc::new(EdgeRequest::of(&self.broker, &request));
        let working = Arc::clone(&asked);
        let work: Work = match throttle::judge(&asked, &request) {
            Verdict::Served(known) => Box::pin(answer(working, known, self.inner.call(request))),
            Verdict::Refused(error) => Box::pin(ready(Ok(refuse(&working, error)))),
            // Most requests are not asked for their body, and need no clone.
            Verdict::ByItsBody => {
                let inner = self.inner.clone();
                Box::pin(async move {
                    match throttle::judge_body(&working, request).await {
                        Ok((known, request)) => answer(working, known, inner.oneshot(request)).await,
                        Err(error) => Ok(refuse(&working, error)),
                    }
                })
            }
        };
        InTime::new(asked, work)
    }
}

/// In a place, if there is one.
async fn answer(
    asked: Arc<EdgeRequest>,
    known: Option<AcceptedCredential>,
    next: impl Future<Output = Result<Response, Infallible>>,
) -> Result<Response, Infallible> {
    let Some(permit) = asked.broker.load.enter() else { return Ok(refuse(&asked, Error::Overloaded)) };
    // Pinned once and lent from here on: each further owner would move all of it.
    let response = tell(&asked, pin!(serve(&asked, permit, known, pin!(next)))).await;
    count(&asked, &response);
    Ok(finish(&asked, response))
}

/// Serves a request under its id, and tells the log.
async fn tell(asked: &EdgeRequest, response: impl Future<Output = Response>) -> Response {
    let span =
        tracing::info_span!("request", id = asked.id.as_str(), method = %asked.method, route = asked.route());
    let told = pin!(async {
        let started = std::time::Instant::now();
        let response = response.await;
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(status = response.status().as_u16(), milliseconds, "answered");
        response
    });
    request_id::during(asked.id, span, told).await
}

async fn serve(
    asked: &EdgeRequest,
    permit: Permit,
    known: Option<AcceptedCredential>,
    next: impl Future<Output = Result<Response, Infallible>>,
) -> Response {
    // The process lives on; the person or caller gets an answer without the panic's text.
    let placed = pin!(permit.serve(AssertUnwindSafe(next).catch_unwind()));
    let (served, gave_up) = body::watch(placed).await;
    let response = match served {
        // Whatever a verb made of half a body, this is what happened.
        _ if gave_up.is_some() => dialect::refuse(asked.wire, given_up(gave_up)),
        Ok(Ok(response)) => response,
        Err(_) => dialect::refuse(asked.wire, Error::Internal("Something failed here.".to_owned())),
    };
    if let Some(Rejection::Credential) = response.extensions().get::<Rejection>() {
        asked.broker.limits.count_failure(asked.address, known);
    }
    response
}
