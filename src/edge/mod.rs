//! What happens to every request before a verb is asked, and to every answer after it: a place or a refusal, an id,
//! the counts, the headers that all answers carry, and an answer even where something panicked. One layer, because
//! each costs every request. Reads no body and asks no database.

pub mod address;
pub mod mark;
mod patience;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderValue, Method, Version, header};
use axum::response::Response;
use futures_util::FutureExt;
use tower::{Layer, Service};
use tracing::Span;

use self::address::{Address, NOBODY, Peer};
use self::mark::Mark;
use self::patience::Patient;
use crate::App;
use crate::dialect::{self, Wire, bearer};
use crate::error::Error;
use crate::limits::Known;
use crate::load::Place;
use crate::request_id::{self, RequestId};
use crate::server::body;
use crate::web::headers;

/// Puts a router behind the edge.
#[derive(Clone)]
pub struct EdgeLayer {
    app: App,
}

#[must_use]
pub fn layer(app: &App) -> EdgeLayer {
    EdgeLayer { app: app.clone() }
}

impl<S> Layer<S> for EdgeLayer {
    type Service = Edge<S>;

    fn layer(&self, inner: S) -> Edge<S> {
        Edge { app: self.app.clone(), inner }
    }
}

#[derive(Clone)]
pub struct Edge<S> {
    app: App,
    inner: S,
}

impl<S> Service<Request> for Edge<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Patient;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let asked = Arc::new(Asked::of(&self.app, &request));
        let admitted = admit(&asked, request.headers());
        let served = admitted.map(|admitted| (admitted, self.inner.call(request)));
        let working = Arc::clone(&asked);
        let work = async move {
            Ok(match served {
                // Pinned once and lent from here on: each further owner would move all of it.
                Ok((admitted, next)) => {
                    let response = tell(&working, pin!(serve(&working, admitted, pin!(next)))).await;
                    count(&working, &response);
                    finish(&working, response)
                }
                Err(error) => {
                    let response = turn_away(&working, error);
                    count(&working, &response);
                    response
                }
            })
        };
        Patient::new(asked, Box::pin(work))
    }
}

/// What the edge keeps of a request while it is served.
struct Asked {
    app: App,
    id: RequestId,
    method: Method,
    version: Version,
    route: Option<MatchedPath>,
    wire: Wire,
    address: Address,
}

impl Asked {
    fn of(app: &App, request: &Request) -> Self {
        let peer = request.extensions().get::<Peer>().copied().unwrap_or(NOBODY);
        Self {
            id: RequestId::new(),
            method: request.method().clone(),
            version: request.version(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            wire: Wire::of(request.uri().path()),
            address: Address::of(peer, request.headers(), &app.config.listen.trusted_proxies),
            app: app.clone(),
        }
    }

    /// The route's pattern: a query may hold a code or a state, and a path whatever somebody mistook for an id.
    fn route(&self) -> &str {
        self.route.as_ref().map_or("other", MatchedPath::as_str)
    }
}

struct Admitted {
    place: Place,
    known: Option<Known>,
}

fn admit(asked: &Asked, headers: &HeaderMap) -> Result<Admitted, Error> {
    let place = asked.app.load.enter().ok_or(Error::Overloaded)?;
    let credential = || bearer::token(headers).or_else(|| bearer::basic(headers).map(|(_, secret)| secret));
    let known = if asked.wire.authenticates() {
        asked.app.limits.admit_address(asked.address, credential)?
    } else {
        None
    };
    Ok(Admitted { place, known })
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
    let refused = request_id::during(asked.id, Span::none(), async { dialect::refuse(asked.wire, error) });
    let refused = refused.now_or_never().unwrap_or_default();
    finish(asked, refused)
}

fn count(asked: &Asked, response: &Response) {
    if let Some(reason) = response.extensions().get::<Mark>().and_then(|mark| mark.turned_away()) {
        asked.app.metrics.turned_away(reason);
    }
    asked.app.metrics.request(asked.route(), response.status().as_u16());
}

fn finish(asked: &Asked, mut response: Response) -> Response {
    // The next request is to come on a connection to another server. HTTP/2 has no such header (RFC 9113 section 8.2.2).
    if asked.app.leaving.is_cancelled() && asked.version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let https = asked.app.config.public_url.scheme() == "https";
    headers::secure(response.headers_mut(), https);
    asked.id.put(response.headers_mut());
    response
}

async fn serve(
    asked: &Asked,
    admitted: Admitted,
    next: impl Future<Output = Result<Response, Infallible>>,
) -> Response {
    let Admitted { place, known } = admitted;
    // The process lives on; the person or caller gets an answer without the panic's text.
    let placed = pin!(place.serve(AssertUnwindSafe(next).catch_unwind()));
    let (served, too_slow) = body::watch(placed).await;
    let response = match served {
        // Whatever a verb made of half a body, this is what happened.
        _ if too_slow => dialect::refuse(asked.wire, Error::TooSlow),
        Ok(Ok(response)) => response,
        Err(_) => dialect::refuse(asked.wire, Error::Internal("Something failed here.".to_owned())),
    };
    match response.extensions().get::<Mark>() {
        Some(Mark::Credential) => asked.app.limits.count_failure(asked.address, known),
        Some(Mark::SubjectToken) => asked.app.limits.count_failure(asked.address, None),
        Some(Mark::Limited(_) | Mark::Overloaded) | None => {}
    }
    response
}
