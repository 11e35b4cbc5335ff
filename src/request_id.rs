//! An id for every request: on the log's lines, in the answer's header, and on error pages to quote. Ours always: one
//! from outside would let anybody write into the log.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tracing::{Instrument, Span};

use crate::secret::letter;

/// Ids must differ, on all replicas and after each start; nothing is hidden in them. So they are a count under a
/// random key of this process: the system's randomness for each would cost as much as all the rest of the edge.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
static COUNT: AtomicU64 = AtomicU64::new(0);

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: RequestId;
}

/// Sixteen letters and digits.
#[derive(Clone, Copy, Debug)]
pub struct RequestId([u8; 16]);

impl RequestId {
    #[expect(clippy::new_without_default, reason = "each is another one, which no default is")]
    #[must_use]
    pub fn new() -> Self {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let bits = [KEY.hash_one((count, false)).to_be_bytes(), KEY.hash_one((count, true)).to_be_bytes()];
        Self(std::array::from_fn(|index| letter(bits[index / 8][index % 8])))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Puts it into an answer.
    pub fn put(self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_bytes(&self.0) {
            headers.insert(HEADER, value);
        }
    }
}

/// The id of the request that this task serves.
#[must_use]
pub fn current() -> Option<String> {
    CURRENT.try_with(|id| id.as_str().to_owned()).ok()
}

/// Makes an answer under its id that waits for nothing.
pub fn at_once<T>(id: RequestId, answer: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(id, answer)
}

/// Serves a request under its id; `span` goes with every line of the log.
pub async fn during<F: Future>(id: RequestId, span: Span, request: F) -> F::Output {
    CURRENT.scope(id, request.instrument(span)).await
}
