//! One connection too many: told at once, rather than left in a queue that nobody serves.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

const ANSWER: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// How many are told with care at one time; the rest are told in passing.
const WITH_CARE: usize = 64;
/// For one of them.
const TIMEOUT: Duration = Duration::from_secs(1);
/// What one of them may have sent already.
const UNREAD: u64 = 64 * 1024;

#[derive(Clone, Debug)]
pub struct Refuser(Arc<Semaphore>);

impl Default for Refuser {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(WITH_CARE)))
    }
}

impl Refuser {
    /// A socket that is closed with something unread is reset, and the client may never see the answer: so what it has
    /// sent is read first.
    pub fn refuse(&self, mut tcp: TcpStream) {
        let Ok(turn) = Arc::clone(&self.0).try_acquire_owned() else {
            let _ = tcp.try_write(ANSWER);
            return;
        };
        let told = async move {
            tcp.write_all(ANSWER).await?;
            tcp.shutdown().await?;
            tokio::io::copy(&mut tcp.take(UNREAD), &mut tokio::io::sink()).await
        };
        tokio::spawn(async move {
            // Whatever became of it: there is nobody to tell.
            let _ = timeout(TIMEOUT, told).await;
            drop(turn);
        });
    }
}
