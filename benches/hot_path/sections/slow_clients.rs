//! Two thousand clients that are slow on purpose, beside the usual load: heads byte by byte, bodies byte by byte, and
//! large answers that are not read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Stage, settle};
use crate::fault::{Fault, refuse};
use crate::jobs::Choice;
use crate::jobs::hand_out::{HandOut, Wire};
use crate::load::Job;
use crate::load::closed::{Shape, drive};
use crate::numbers::Series;
use crate::process::open_files;
use crate::report::{Report, milliseconds};
use crate::seed::Seed;

const SLOW: usize = 2_000;
/// Clients of the usual load.
const USUAL: usize = 16;
/// Between two bytes.
const DRIP: Duration = Duration::from_millis(500);
/// Requests for the stylesheet that one client sends at once, and whose answers it leaves unread: 5 MB, more than the
/// kernel takes off a server's hands (`tcp_wmem`). With less the server is not held up at all, and sees an idle client.
const UNREAD: usize = 400;

/// Fewer open files than this more than before are the server's own.
const FEW: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Head,
    Body,
    Unread,
}

pub fn run(stage: &Stage<'_>, seed: &Seed, report: &mut Report) -> Result<(), Fault> {
    if !stage.arguments.wants("slow-clients") {
        return Ok(());
    }
    let quick = stage.arguments.quick;
    let slow = if quick { SLOW / 10 } else { SLOW };
    let needed = u64::try_from(slow + 500)?;
    if open_files().is_some_and(|files| files < needed) {
        return refuse(format!("{needed} files must be open at once; raise `ulimit -n`"));
    }
    let patience = Duration::from_secs(if quick { 12 } else { 150 });
    let broker = stage.serve(seed)?;
    let watched = stage.watch(seed, broker.pid());
    let job: Arc<dyn Job> = Arc::new(HandOut::new(Wire::Json, Choice::Any(seed.layout.hot()), &seed.callers));
    let usual = |window| {
        let shape = Shape { address: broker.address, clients: USUAL, warm_up: Duration::ZERO, window };
        drive(&job, shape, watched)
    };
    let window = stage.arguments.window();
    usual(window)?;
    settle(watched);
    let before = usual(window)?.percentile(99.0);
    settle(watched);
    let sockets_before = sockets(broker.pid());
    let began = Instant::now();
    let over = CancellationToken::new();
    let crowd = stage.runtime.spawn(crowd(broker.address, slow, began, over.clone()));
    let mut during = Series::default();
    let (mut let_go, mut held_up, mut left) = (None, 0, 0);
    while began.elapsed() < patience && let_go.is_none() {
        let measured = usual(window)?;
        if measured.right() > 0 {
            during.push(measured.percentile(99.0));
        }
        // Those who read nothing do not notice that they are let go; the server's own table tells.
        left = sockets(broker.pid()).saturating_sub(sockets_before);
        held_up = held_up.max(unsent(broker.address));
        let_go = (left < FEW).then(|| began.elapsed());
    }
    over.cancel();
    let ends = stage.runtime.block_on(crowd)?;
    let last = |manner| {
        let of_manner = || ends.iter().filter(move |(who, _)| *who == manner);
        let closed = of_manner().filter_map(|(_, closed)| *closed).max();
        let open = of_manner().filter(|(_, closed)| closed.is_none()).count();
        match (closed, open) {
            (Some(closed), 0) => format!("{:.1} s", closed.as_secs_f64()),
            (_, open) => format!("{open} still open after {} s", patience.as_secs()),
        }
    };
    let all = let_go.map_or_else(
        || format!("{left} still held after {} s", patience.as_secs()),
        |after: Duration| format!("{:.1} s", after.as_secs_f64()),
    );
    report.heading(&format!("{slow} slow clients, {}", seed.place.name()));
    let ms = |value: Option<f64>| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{} ms", milliseconds(value)))
    };
    let rows = [
        [format!("p99 of {USUAL} usual clients, before"), ms(Some(before))],
        ["p99 during, median of windows".to_owned(), ms(during.median())],
        ["p99 during, worst window".to_owned(), ms(during.most())],
        ["the last that sent its head byte by byte was closed after".to_owned(), last(Manner::Head)],
        ["the last that sent its body byte by byte was closed after".to_owned(), last(Manner::Body)],
        ["clients that read nothing and held the server up, at most".to_owned(), held_up.to_string()],
        ["the server had let go of all, those too, after".to_owned(), all],
    ];
    report.table(["what", "measured"], &rows);
    broker.stop()
}

/// Open sockets and files of a process.
fn sockets(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Open connections to an address whose server has more to send than the client takes.
fn unsent(address: SocketAddr) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let local = format!(":{:04X}", address.port());
    // proc(5): number, local address, remote address, state (01 is established), bytes to send and to read.
    let waits = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, from, _, "01", queues, ..] = fields.as_slice() else { return false };
        let unsent = queues.split(':').next().and_then(|bytes| u64::from_str_radix(bytes, 16).ok());
        // An answer on its way to a usual client is smaller.
        from.ends_with(&local) && unsent.is_some_and(|bytes| bytes > 4_096)
    };
    table.lines().filter(waits).count()
}

/// When each was closed, if it was.
async fn crowd(
    address: SocketAddr,
    slow: usize,
    began: Instant,
    over: CancellationToken,
) -> Vec<(Manner, Option<Duration>)> {
    let mut clients = JoinSet::new();
    for number in 0..slow {
        let manner = [Manner::Head, Manner::Body, Manner::Unread][number % 3];
        let over = over.clone();
        clients.spawn(async move {
            let closed = over.run_until_cancelled(be_slow(address, manner)).await;
            (manner, closed.map(|()| began.elapsed()))
        });
        // Not all in one instant: the listener's queue is not what is measured.
        if number % 50 == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }
    clients.join_all().await
}

/// Returns once the connection is closed by the other side, or could not be made.
async fn be_slow(address: SocketAddr, manner: Manner) {
    let Ok(mut stream) = connect(address, manner).await else { return };
    let head = "POST /v1/connections/Et00000000000000000000/token HTTP/1.1\r\nhost: attache.bench.test\r\n";
    match manner {
        Manner::Head => drip(stream, &format!("{head}x-filler: {}", "x".repeat(1_000))).await,
        Manner::Body => {
            let head = format!("{head}content-type: application/json\r\ncontent-length: 1000\r\n\r\n");
            if stream.write_all(head.as_bytes()).await.is_ok() {
                drip(stream, &" ".repeat(1_000)).await;
            }
        }
        Manner::Unread => {
            let request =
                "GET /assets/attache.css HTTP/1.1\r\nhost: attache.bench.test\r\n\r\n".repeat(UNREAD);
            if stream.write_all(request.as_bytes()).await.is_ok() {
                // Until the time is up.
                std::future::pending::<()>().await;
            }
        }
    }
}

async fn connect(address: SocketAddr, manner: Manner) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if manner == Manner::Unread {
        // So that the answers stay with the server.
        socket.set_recv_buffer_size(4_096)?;
    }
    socket.connect(address).await
}

async fn drip(mut stream: TcpStream, text: &str) {
    let mut answer = [0; 4_096];
    for byte in text.as_bytes() {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        tokio::select! {
            read = stream.read(&mut answer) => {
                // An answer may come before the end does.
                if read.unwrap_or(0) == 0 {
                    return;
                }
            }
            () = sleep(DRIP) => {}
        }
    }
}
