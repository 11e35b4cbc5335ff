//! A request's body, waited for once and as a whole: a client that sends it byte by byte has no more time than one
//! that sends nothing. Whoever is waited for takes no place meanwhile, but room.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use super::room::{Slot, Taken};
use crate::load::{self, Waiting};

tokio::task_local! {
    static GAVE_UP: Cell<Option<GaveUp>>;
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GaveUp {
    TooSlow,
    /// Too many bodies are on their way at once.
    NoRoom,
}

#[derive(Debug, thiserror::Error)]
pub enum BodyFault {
    #[error("the body was given up: {0:?}")]
    GaveUp(GaveUp),
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

/// Serves a request, and tells whether its body was given up.
pub async fn watch<F: Future>(request: F) -> (F::Output, Option<GaveUp>) {
    let watched = async { (request.await, GAVE_UP.with(Cell::get)) };
    GAVE_UP.scope(Cell::new(None), watched).await
}

pub struct Body {
    incoming: Incoming,
    whole_within: Duration,
    taken: Taken,
    /// From the moment that the client was first waited for.
    deadline: Option<Pin<Box<Sleep>>>,
    receiving: Option<Waiting>,
}

impl Body {
    #[must_use]
    pub fn new(incoming: Incoming, whole_within: Duration, slot: Arc<Slot>) -> Self {
        Self { incoming, whole_within, taken: Taken::nothing(slot), deadline: None, receiving: None }
    }

    fn give_up(&mut self, why: GaveUp) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        self.receiving = None;
        // Outside of a watch nobody wants to know.
        let _ = GAVE_UP.try_with(|gave_up| gave_up.set(Some(why)));
        Poll::Ready(Some(Err(BodyFault::GaveUp(why))))
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
            let bytes = match &frame {
                Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
                Some(Err(_)) | None => 0,
            };
            // What is whole with these bytes waits for nobody.
            if !this.incoming.is_end_stream() && !this.taken.grow(bytes) {
                return this.give_up(GaveUp::NoRoom);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyFault::from)));
        }
        if this.receiving.is_none() {
            if !this.taken.grow(0) {
                return this.give_up(GaveUp::NoRoom);
            }
            this.receiving = Some(load::receiving());
        }
        let within = this.whole_within;
        let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(within)));
        ready!(deadline.as_mut().poll(context));
        this.give_up(GaveUp::TooSlow)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
