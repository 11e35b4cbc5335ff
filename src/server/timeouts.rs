//! How long one connection is waited for: for its first request, for the rest of a head that was begun, for the next
//! request, and for the last words at its end. A running request is never cut short by any of these.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use axum::http::Version;
use tokio::time::{Instant, sleep_until};

use super::limits::Limits;

/// For a client to say goodbye once it is told that this is the end.
const FAREWELL: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct Timeouts {
    header: Duration,
    idle: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    awaited: Awaited,
    since: Instant,
    running: usize,
    /// Between two requests an HTTP/2 client may send pings without end, which are no request.
    http2: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// The whole head of a request.
    Head,
    /// The first byte of the next request.
    NextRequest,
    /// The client's own end of the connection.
    Farewell,
}

/// A request that is being served; it ends when this is dropped.
#[derive(Debug)]
pub struct Running(Arc<Timeouts>);

impl Timeouts {
    pub fn new(limits: &Limits) -> Self {
        let state = State { awaited: Awaited::Head, since: Instant::now(), running: 0, http2: false };
        Self { header: limits.header, idle: limits.idle, state: Mutex::new(state) }
    }

    /// Bytes have come.
    pub fn hear(&self) {
        let mut state = self.state();
        if state.running == 0 && state.awaited == Awaited::NextRequest && !state.http2 {
            state.await_now(Awaited::Head);
        }
    }

    /// A request's head is whole.
    pub fn begin(self: &Arc<Self>, version: Version) -> Running {
        let mut state = self.state();
        state.running += 1;
        state.http2 = version == Version::HTTP_2;
        Running(Arc::clone(self))
    }

    /// Whether a head was waited for in vain: nobody has asked for anything, so nobody need be told of the end.
    pub fn lacks_a_head(&self) -> bool {
        let state = self.state();
        let over = state.since.elapsed() >= self.header;
        state.running == 0 && state.awaited == Awaited::Head && over
    }

    /// The client is told that the connection ends.
    pub fn say_farewell(&self) {
        self.state().await_now(Awaited::Farewell);
    }

    /// Until the client has been waited for long enough. Polled with the connection, whatever happens to it.
    pub async fn runs_out(&self) {
        let mut sleep = pin!(sleep_until(Instant::now()));
        poll_fn(|context| {
            loop {
                let deadline = self.deadline();
                // A later deadline is seen when the sleep is over; an earlier one, of a head that has begun, at once.
                if let Some(earlier) = deadline.filter(|deadline| *deadline < sleep.deadline()) {
                    sleep.as_mut().reset(earlier);
                }
                ready!(sleep.as_mut().poll(context));
                if deadline.is_some_and(|deadline| deadline <= sleep.deadline()) {
                    return Poll::Ready(());
                }
                // While requests run there is none, and it is looked at again by and by.
                sleep.as_mut().reset(deadline.unwrap_or_else(|| Instant::now() + self.idle));
            }
        })
        .await;
    }

    fn deadline(&self) -> Option<Instant> {
        let state = self.state();
        let timeout = match state.awaited {
            _ if state.running > 0 => return None,
            Awaited::Head => self.header,
            Awaited::NextRequest => self.idle,
            Awaited::Farewell => FAREWELL,
        };
        Some(state.since + timeout)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn await_now(&mut self, awaited: Awaited) {
        self.awaited = awaited;
        self.since = Instant::now();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.running -= 1;
        if state.running == 0 {
            let awaited =
                if state.awaited == Awaited::Farewell { Awaited::Farewell } else { Awaited::NextRequest };
            state.await_now(awaited);
        }
    }
}
