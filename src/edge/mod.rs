//! What happens to every request before a verb is asked, and to every answer after it: a place or a refusal, an id,
//! the counts, the headers that all answers carry, and an answer even where something panicked. One layer, because
//! each costs every request. Asks no database, and reads no body but where a credential may stand in it that lets its
//! sender past an address's wait.

pub mod address;
pub mod mark;
mod patience;
mod shut;

use std::convert::Infallible;
use std::future::ready;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method, Version, header};
use axum::response::Response;
use futures_util::FutureExt;
use tower::{Layer, Service, ServiceExt};

use self::address::{Address, NOBODY, Peer};
use self::mark::Mark;
use self::patience::{Patient, Work};
use self::shut::Verdict;
use crate::Broker;
use crate::dialect::{self, Wire};
use crate::error::Error;
use crate::limits::Known;
use crate::load::Place;
use crate::request_id::{self, RequestId};
use crate::server::body::{self, GaveUp};
use crate::web::headers;

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
    type Future = Patient;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let asked = Arc::new(Asked::of(&self.broker, &request));
        let working = Arc::clone(&asked);
        let work: Work = match shut::judge(&asked, &request) {
            Verdict::Served(known) => Box::pin(answer(working, known, self.inner.call(request))),
            Verdict::Refused(error) => Box::pin(ready(Ok(refuse(&working, error)))),
            // Most requests are not asked for their body, and need no clone.
            Verdict::ByItsBody => {
                let inner = self.inner.clone();
                Box::pin(async move {
                    match shut::judge_body(&working, request).await {
                        Ok((known, request)) => answer(working, known, inner.oneshot(request)).await,
                        Err(error) => Ok(refuse(&working, error)),
                    }
                })
            }
        };
        Patient::new(asked, work)
    }
}

/// What the edge keeps of a request while it is served.
struct Asked {
    broker: Broker,
    id: RequestId,
    method: Method,
    version: Version,
    route: Option<MatchedPath>,
    wire: Wire,
    address: Address,
}

impl Asked {
    fn of(broker: &Broker, request: &Request) -> Self {
        let peer = request.extensions().get::<Peer>().copied().unwrap_or(NOBODY);
        Self {
            id: RequestId::new(),
            method: request.method().clone(),
            version: request.version(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            wire: Wire::of(request.uri().path()),
            address: Address::of(peer, request.headers(), &broker.config.listen.trusted_proxies),
            broker: broker.clone(),
        }
    }

    /// The route's pattern: a query may hold a code or a state, and a path whatever somebody mistook for an id.
    fn route(&self) -> &str {
        self.route.as_ref().map_or("other", MatchedPath::as_str)
    }
}

/// In a place, if there is one.
async fn answer(
    asked: Arc<Asked>,
    known: Option<Known>,
    next: impl Future<Output = Result<Response, Infallible>>,
) -> Result<Response, Infallible> {
    let Some(place) = asked.broker.load.enter() else { return Ok(refuse(&asked, Error::Overloaded)) };
    // Pinned once and lent from here on: each further owner would move all of it.
    let response = tell(&asked, pin!(serve(&asked, place, known, pin!(next)))).await;
    count(&asked, &response);
    Ok(finish(&asked, response))
}

fn refuse(asked: &Asked, error: Error) -> Response {
    let response = turn_away(asked, error);
    count(asked, &response);
    response
}

/// Serves a request under its id, and tells the log.
async fn tell(asked: &Asked, response: impl Future<Output = Response>) -> Response {
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

/// Counted and not told: a log that grows with each refusal would be a load of its own.
fn turn_away(asked: &Asked, error: Error) -> Response {
    finish(asked, request_id::at_once(asked.id, || dialect::refuse(asked.wire, error)))
}

fn count(asked: &Asked, response: &Response) {
    if let Some(reason) = response.extensions().get::<Mark>().and_then(|mark| mark.turned_away()) {
        asked.broker.metrics.turned_away(reason);
    }
    asked.broker.metrics.request(asked.route(), response.status().as_u16());
}

fn finish(asked: &Asked, mut response: Response) -> Response {
    // The next request is to come on a connection to another server. HTTP/2 has no such header (RFC 9113 section 8.2.2).
    if asked.broker.leaving.is_cancelled() && asked.version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let https = asked.broker.config.public_url.scheme() == "https";
    headers::secure(response.headers_mut(), https);
    asked.id.put(response.headers_mut());
    response
}

async fn serve(
    asked: &Asked,
    place: Place,
    known: Option<Known>,
    next: impl Future<Output = Result<Response, Infallible>>,
) -> Response {
    // The process lives on; the person or caller gets an answer without the panic's text.
    let placed = pin!(place.serve(AssertUnwindSafe(next).catch_unwind()));
    let (served, gave_up) = body::watch(placed).await;
    let response = match served {
        // Whatever a verb made of half a body, this is what happened.
        _ if gave_up.is_some() => dialect::refuse(asked.wire, given_up(gave_up)),
        Ok(Ok(response)) => response,
        Err(_) => dialect::refuse(asked.wire, Error::Internal("Something failed here.".to_owned())),
    };
    if let Some(Mark::Credential) = response.extensions().get::<Mark>() {
        asked.broker.limits.count_failure(asked.address, known);
    }
    response
}

/// Why a body was not read to its end.
fn given_up(why: Option<GaveUp>) -> Error {
    match why {
        Some(GaveUp::TooSlow) => Error::TooSlow,
        Some(GaveUp::NoRoom) => Error::Overloaded,
        None => Error::TooLarge,
    }
}
