//! Serves a router on a listener, with one ability that `axum::serve` lacks: closing a connection without an
//! answer. Loopback only: no limits, no time-outs.

use std::convert::Infallible;
use std::io;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Marks an answer that must not be sent.
#[derive(Clone)]
struct WithoutAnswer;

/// An answer that closes the connection instead of being sent.
pub(super) fn without_answer() -> Response {
    let mut answer = Response::new(Body::empty());
    answer.extensions_mut().insert(WithoutAnswer);
    answer
}

/// Serves until `stop` is cancelled, which also cuts the connections that are open then.
pub(super) fn spawn(listener: TcpListener, router: Router, stop: CancellationToken) {
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Ok((stream, _)) = listener.accept() => {
                    tokio::spawn(stop.clone().run_until_cancelled_owned(connection(stream, router.clone())));
                }
            }
        }
    });
}

async fn connection(stream: TcpStream, router: Router) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let Ok(answer) = router.oneshot(request.map(Body::new)).await.map_err(|never: Infallible| never);
            if answer.extensions().get::<WithoutAnswer>().is_some() {
                return Err(io::Error::other("closed without an answer, as ordered"));
            }
            Ok(answer)
        }
    });
    // Whoever called sees the fault; a sandbox has nobody else to tell.
    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}
