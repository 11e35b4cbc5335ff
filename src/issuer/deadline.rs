//! For how long an answer is waited for. A process that was stopped (SIGSTOP, a closed lid, a paused machine) finds on
//! waking that the deadline has passed. The answer may have been lying in its socket for long. So before the deadline
//! counts, what has arrived is read.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::time::timeout;

/// To read what has arrived, when the deadline is noticed in time.
const READ: Duration = Duration::from_millis(100);
/// And when it is noticed late, because everybody else wakes up as well.
const READ_LATE: Duration = Duration::from_secs(2);

/// None when nothing came of it in time.
pub async fn within<T>(deadline: Duration, work: impl Future<Output = T>) -> Option<T> {
    let (began, mut work) = (Instant::now(), pin!(work));
    // Both poll the work first, and the clock only when that is not ready.
    if let Ok(done) = timeout(deadline, &mut work).await {
        return Some(done);
    }
    let late = began.elapsed().saturating_sub(deadline);
    timeout(late.clamp(READ, READ_LATE), work).await.ok()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// One thread, so that whatever keeps it keeps everything, as a stopped process is kept.
    #[tokio::test]
    async fn what_arrived_while_the_process_was_stopped_is_read_though_the_deadline_has_passed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut client =
            TcpStream::connect(listener.local_addr().expect("an address")).await.expect("a stream");
        let (mut server, _) = listener.accept().await.expect("a stream");
        let answering = tokio::spawn(async move {
            let mut answer = [0; 2];
            client.read_exact(&mut answer).await.map(|_| answer)
        });
        let stopped = async {
            server.write_all(b"ok").await.expect("a write");
            // Nobody runs for longer than the deadline.
            std::thread::sleep(Duration::from_millis(300));
            answering.await.expect("a task").expect("an answer")
        };
        assert_eq!(within(Duration::from_millis(200), stopped).await, Some(*b"ok"));
    }

    #[tokio::test]
    async fn who_says_nothing_is_given_up_soon_after_the_deadline() {
        let began = Instant::now();
        assert_eq!(within(Duration::from_millis(50), std::future::pending::<()>()).await, None);
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
