//! The accept loop: HTTP/1.1 and HTTP/2, a cap on connections, and a drain that lets running requests and refreshes end. No
//! client evades its deadlines by sending or taking a little now and then. `axum::serve` has none of these.
//! Knows no route: what a request gets is the router's.

mod answer;
pub mod body;
pub mod descriptors;
mod full;
mod limits;
mod room;
mod stream;
mod timeouts;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use self::answer::Streams;
use self::full::Refuser;
pub use self::limits::Limits;
use self::room::{Room, Slot};
use self::stream::Stream;
use self::timeouts::Timeouts;
use crate::Broker;
use crate::edge::address::Peer;
use crate::ledger::hand_out;
use crate::{permanent_token, replicas, resource_server};

/// Longer than the longest call to an issuer, so that no refresh is cut off.
const DRAIN: Duration = Duration::from_secs(75);
/// The largest head of a request; also what one connection may make us keep.
const HEAD: usize = 64 * 1024;
/// What one client may send over HTTP/2 before somebody reads it: a whole body on one stream, some on all of them.
const WINDOW: u32 = 64 * 1024;
const ALL_WINDOWS: u32 = 256 * 1024;

/// Serves until `draining` is cancelled, then lets running requests end.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, draining: CancellationToken) {
    let (room, limits) = (Arc::new(Room::new(&limits)), Arc::new(limits));
    let refuser = Refuser::default();
    let connections = TaskTracker::new();
    let builder = builder(&limits);
    loop {
        let (tcp, peer) = tokio::select! {
            () = draining.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: a pause lets some go.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let Some(slot) = room.enter(peer.ip()) else {
            refuser.refuse(tcp);
            continue;
        };
        let (builder, router, draining) = (builder.clone(), router.clone(), draining.clone());
        let client = Client { peer, slot, limits: Arc::clone(&limits) };
        connections.spawn(async move {
            if let Err(error) = converse(&builder, tcp, client, router, draining).await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    connections.close();
    let _ = timeout(DRAIN, connections.wait()).await;
}

fn builder(limits: &Limits) -> Builder<Streams> {
    let mut builder = Builder::new(Streams { taken_within: limits.answer });
    // The head's deadline is ours: hyper's would count the idle time before it too.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        // Finds out who is gone while a request runs.
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(limits.header)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(ALL_WINDOWS)
        .max_concurrent_streams(128);
    builder
}

/// Whoever is at the other end of a connection.
#[derive(Clone)]
struct Client {
    peer: SocketAddr,
    slot: Arc<Slot>,
    limits: Arc<Limits>,
}

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// One connection, from its first byte to its last.
async fn converse(
    builder: &Builder<Streams>,
    tcp: TcpStream,
    client: Client,
    router: Router,
    draining: CancellationToken,
) -> Ended {
    let _ = tcp.set_nodelay(true);
    let timeouts = Arc::new(Timeouts::new(&client.limits));
    let stream = Stream::new(tcp, Arc::clone(&timeouts), client.limits.answer);
    let service =
        service_fn(|request| answer(router.clone(), Arc::clone(&timeouts), client.clone(), request));
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        () = draining.cancelled() => {}
        () = timeouts.runs_out() => {}
    }
    if timeouts.lacks_a_head() {
        return Ok(());
    }
    // Over HTTP/1 this ends an idle connection; over HTTP/2 the client is asked to end it.
    connection.as_mut().graceful_shutdown();
    timeouts.say_farewell();
    tokio::select! {
        biased;
        ended = connection => ended,
        () = timeouts.runs_out() => Ok(()),
    }
}

async fn answer(
    mut router: Router,
    timeouts: Arc<Timeouts>,
    client: Client,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let running = timeouts.begin(request.version());
    let Client { peer, slot, limits } = client;
    let mut request = request.map(|incoming| {
        let is_empty = incoming.is_end_stream();
        if is_empty { Body::empty() } else { Body::new(body::Body::new(incoming, limits.body, slot)) }
    });
    request.extensions_mut().insert(Peer(peer));
    let response = match timeout(limits.request, router.call(request)).await {
        Ok(Ok(response)) => response,
        Err(_) => too_late(),
    };
    drop(running);
    answer::begin();
    Ok(response)
}

fn too_late() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Waits for what outlives its request, such as a refresh, and writes the ledger's last counters.
pub async fn drain(broker: &Broker) {
    broker.tasks.close();
    if timeout(DRAIN, broker.tasks.wait()).await.is_err() {
        tracing::error!("some work did not end in time; its connections will be in doubt");
    }
    if let Err(error) = hand_out::flush(broker).await {
        tracing::error!(%error, "the ledger's last counters are lost");
    }
    if let Err(error) = resource_server::last_use::tell(broker).await {
        tracing::warn!(%error, "the last uses of resource servers are lost");
    }
    if let Err(error) = permanent_token::last_use::tell(broker).await {
        tracing::warn!(%error, "the last uses of permanent tokens are lost");
    }
    if let Err(error) = replicas::leave(broker).await {
        tracing::warn!(%error, "the other servers could not be told that this one ends");
    }
    broker.db.close().await;
}
