//! A connection's bytes: tells the connection's timeouts when some come, and ends a connection whose client does not
//! take what is written to it. (The tokio-io-timeout crate begins anew with each byte that is taken, so a client could
//! dribble.) Knows no HTTP.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::timeouts::Timeouts;

/// What a client takes at the least in each turn, or all there is: less is a dribble.
const LEAST: usize = 16 * 1024;

pub struct Stream {
    tcp: TcpStream,
    timeouts: Arc<Timeouts>,
    /// How long a turn is.
    turn: Duration,
    /// Only while something is left that the client has not taken.
    stalled: Option<Stalled>,
}

struct Stalled {
    turn_ends: Pin<Box<Sleep>>,
    taken: usize,
}

impl Stream {
    pub fn new(tcp: TcpStream, timeouts: Arc<Timeouts>, turn: Duration) -> Self {
        Self { tcp, timeouts, turn, stalled: None }
    }

    fn judge(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match (&written, &mut self.stalled) {
            (Poll::Ready(Ok(bytes)), Some(stalled)) => stalled.taken += bytes,
            (Poll::Pending, _) => ready!(self.wait(context))?,
            (Poll::Ready(_), _) => {}
        }
        written
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let turn = self.turn;
        let stalled =
            self.stalled.get_or_insert_with(|| Stalled { turn_ends: Box::pin(sleep(turn)), taken: 0 });
        loop {
            ready!(stalled.turn_ends.as_mut().poll(context));
            if stalled.taken < LEAST {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            stalled.taken = 0;
            stalled.turn_ends.as_mut().reset(Instant::now() + turn);
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.tcp).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.timeouts.hear();
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(context, slices);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    /// Asked for once everything was written, so nobody is waited for any more.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stalled = None;
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
