//! Answers over HTTP/2, where a client can leave one untaken and still read the others: that one is given up.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use hyper::rt::Executor;

tokio::task_local! {
    static BEGUN: Cell<bool>;
}

/// The request of this task has its answer, which is now the client's to take.
pub fn begin() {
    // Over HTTP/1 there is one answer at a time, and the stream sees whether it is taken.
    let _ = BEGUN.try_with(|begun| begun.set(true));
}

/// Runs the streams of HTTP/2 connections.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    pub taken_within: Duration,
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let untaken = untaken(self.taken_within);
        let taken = async {
            tokio::select! {
                biased;
                () = stream => {}
                // Dropped, so hyper resets it.
                () = untaken => {}
            }
        };
        tokio::spawn(BEGUN.scope(Cell::new(false), taken));
    }
}

/// Until an answer has been there to be taken for so long. Polled whenever its stream is, which begins the answer.
async fn untaken(within: Duration) {
    poll_fn(|_| if BEGUN.with(Cell::get) { Poll::Ready(()) } else { Poll::Pending }).await;
    tokio::time::sleep(within).await;
}
