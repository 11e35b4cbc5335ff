//! How long a caller waits for an answer. Whatever it waits for (another's refresh, a holder elsewhere, a connection of the
//! pool, a commit), it is told in time to come back; the work goes on without it. Knows no route and no verb.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::response::Response;
use tokio::time::{Sleep, sleep};

use super::finish::turn_away;
use super::request::EdgeRequest;
use crate::dialect::Wire;
use crate::error::Error;

pub(super) type Work = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// The answer to one request, or the word that it takes longer.
pub struct InTime {
    asked: Arc<EdgeRequest>,
    /// None once the answer is there.
    work: Option<Work>,
    /// From the moment that there was something to wait for: most requests never need a timer.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl InTime {
    pub(super) fn new(asked: Arc<EdgeRequest>, work: Work) -> Self {
        Self { asked, work: Some(work), deadline: None }
    }
}

impl Future for InTime {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        // Not polled again after its answer.
        let Some(work) = &mut this.work else { return Poll::Pending };
        if let Poll::Ready(answer) = work.as_mut().poll(context) {
            this.work = None;
            return Poll::Ready(answer);
        }
        // A person who waits sees that it goes on, and a consent's code is worth one request only.
        if this.asked.wire == Wire::Pages {
            return Poll::Pending;
        }
        let seconds = this.asked.broker.config.limits.answer_seconds;
        let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(Duration::from_secs(seconds))));
        ready!(deadline.as_mut().poll(context));
        if let Some(work) = this.work.take() {
            this.asked.broker.tasks.spawn(work);
        }
        this.asked.broker.metrics.turned_away("takes_longer");
        Poll::Ready(Ok(turn_away(&this.asked, Error::TakesLonger)))
    }
}
