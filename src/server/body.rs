//! A request's body, waited for once and as a whole: a client that sends it byte by byte has no more time than one
//! that sends nothing. Whoever is waited for takes no place meanwhile.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::load::{self, Waiting};

tokio::task_local! {
    static TOO_SLOW: Cell<bool>;
}

#[derive(Debug, thiserror::Error)]
pub enum BodyFault {
    #[error("the body did not come in time")]
    TooSlow,
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

/// Serves a request, and tells whether its body was too slow.
pub async fn watch<F: Future>(request: F) -> (F::Output, bool) {
    let watched = async { (request.await, TOO_SLOW.with(Cell::get)) };
    TOO_SLOW.scope(Cell::new(false), watched).await
}

pub struct Body {
    incoming: Incoming,
    whole_within: Duration,
    /// From the moment that the client was first waited for.
    deadline: Option<Pin<Box<Sleep>>>,
    receiving: Option<Waiting>,
}

impl Body {
    #[must_use]
    pub fn new(incoming: Incoming, whole_within: Duration) -> Self {
        Self { incoming, whole_within, deadline: None, receiving: None }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(context) {
            this.receiving = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyFault::from)));
        }
        this.receiving.get_or_insert_with(load::receiving);
        let within = this.whole_within;
        let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(within)));
        ready!(deadline.as_mut().poll(context));
        this.receiving = None;
        // Outside of a watch nobody wants to know.
        let _ = TOO_SLOW.try_with(|too_slow| too_slow.set(true));
        Poll::Ready(Some(Err(BodyFault::TooSlow)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
