//! Faults that a test or the demo can order for the next answer of an endpoint, or for all of them. Knows
//! nothing of what the endpoints mean.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::serve;

/// Something that goes wrong with one exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with this instead of processing the request. A body that starts with `{` is sent as JSON.
    Status {
        /// The HTTP status code.
        code: u16,
        /// The body.
        body: String,
        /// The value of a `Retry-After` header.
        retry_after: Option<u64>,
    },
    /// Processes nothing and never answers.
    Hang,
    /// Processes the request, then never answers.
    HangAfterProcessing,
    /// Closes the connection without having processed anything.
    Drop,
    /// Processes the request, then closes the connection without an answer.
    DropAfterProcessing,
    /// Waits, then processes and answers as usual.
    Delay(Duration),
    /// Processes at once, but keeps the answer back for a while.
    DelayAfterProcessing(Duration),
}

impl Fault {
    /// An answer with this status and no body.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::Status { code, body: String::new(), retry_after: None }
    }

    /// Whether whoever asked learns nothing of what was done for them.
    #[must_use]
    pub const fn loses_the_answer(&self) -> bool {
        matches!(self, Self::HangAfterProcessing | Self::DropAfterProcessing)
    }

    /// An OAuth error answer.
    #[must_use]
    pub fn oauth(code: u16, error: &str) -> Self {
        Self::Status { code, body: serde_json::json!({ "error": error }).to_string(), retry_after: None }
    }

    /// A 429 that asks to come back after so many seconds.
    #[must_use]
    pub fn too_many_requests(retry_after: u64) -> Self {
        let body = serde_json::json!({ "error": "too_many_requests" }).to_string();
        Self::Status { code: 429, body, retry_after: Some(retry_after) }
    }
}

/// What is ordered for one endpoint: first the queue, one item for one request, then what holds for all.
#[derive(Clone, Debug)]
pub struct Queue<T> {
    next: VecDeque<T>,
    always: Option<T>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { next: VecDeque::new(), always: None }
    }
}

impl<T: Clone> Queue<T> {
    /// Adds one for the next request that has none yet.
    pub fn next(&mut self, item: T) {
        self.next.push_back(item);
    }

    /// Applies to every request from now on, after those queued.
    pub fn always(&mut self, item: T) {
        self.always = Some(item);
    }

    /// All is well again.
    pub fn clear(&mut self) {
        self.next.clear();
        self.always = None;
    }

    /// What applies to the request that has just arrived.
    pub(super) fn take(&mut self) -> Option<T> {
        self.next.pop_front().or_else(|| self.always.clone())
    }
}

/// Answers with `work`, or as `fault` wants it.
pub(super) async fn through(fault: Option<Fault>, work: impl Future<Output = Response>) -> Response {
    match fault {
        None => work.await,
        Some(Fault::Status { code, body, retry_after }) => status(code, body, retry_after),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::HangAfterProcessing) => {
            work.await;
            std::future::pending().await
        }
        Some(Fault::Drop) => serve::without_answer(),
        Some(Fault::DropAfterProcessing) => {
            work.await;
            serve::without_answer()
        }
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time).await;
            work.await
        }
        Some(Fault::DelayAfterProcessing(time)) => {
            let answer = work.await;
            tokio::time::sleep(time).await;
            answer
        }
    }
}

fn status(code: u16, body: String, retry_after: Option<u64>) -> Response {
    let kind = if body.starts_with('{') { "application/json" } else { "text/html; charset=utf-8" };
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}
