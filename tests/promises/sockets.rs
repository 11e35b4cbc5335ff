//! A server on a real socket, and clients that speak to it byte by byte: HTTP/1 as text, HTTP/2 as frames written by
//! hand, for no library of a client would misbehave like that.

use std::time::Duration;

use attache::server::{Limits, serve};
use axum::Router;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Long enough for a busy machine, short enough to wait for.
pub const SHORT: Duration = Duration::from_millis(200);
/// What must happen happens within this.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn short() -> Limits {
    Limits {
        header: SHORT,
        body: SHORT,
        answer: SHORT,
        idle: SHORT,
        request: Duration::from_secs(2),
        connections: 100,
        ..Limits::default()
    }
}

pub struct Served {
    pub address: String,
    pub draining: CancellationToken,
    pub ended: JoinHandle<()>,
}

pub async fn served(router: Router, limits: Limits) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let draining = CancellationToken::new();
    let ended = tokio::spawn(serve(listener, router, limits, draining.clone()));
    Served { address, draining, ended }
}

pub fn routes() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/large", get(|| async { "x".repeat(60_000) }))
        .route("/read", post(|body: String| async move { body.len().to_string() }))
        .route("/hang", get(|| async { std::future::pending::<&str>().await }))
}

pub async fn connect(address: &str) -> TcpStream {
    TcpStream::connect(address).await.expect("a connection")
}

/// Sends, then reads all there is until the other side closes.
pub async fn talk(address: &str, text: &str) -> String {
    let mut stream = connect(address).await;
    // Who is refused at once may be so before all was written.
    let _ = stream.write_all(text.as_bytes()).await;
    read(&mut stream).await
}

pub async fn read(stream: &mut TcpStream) -> String {
    String::from_utf8(read_bytes(stream).await).expect("text")
}

/// What comes until the other side closes; a reset is an end too.
pub async fn read_bytes(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    drop(closed.expect("the server closes the connection"));
    answer
}

/// Writes the same bytes now and then until the other side has closed.
pub async fn dribble(stream: &mut TcpStream, bytes: &[u8]) {
    let closed = tokio::time::timeout(PATIENCE, async {
        let mut pause = tokio::time::interval(SHORT / 10);
        while stream.write_all(bytes).await.is_ok() {
            pause.tick().await;
        }
    });
    closed.await.expect("the server closes the connection");
}

pub fn status(answer: &str) -> Option<&str> {
    answer.split(' ').nth(1)
}

/// Whether somebody who behaves is served.
pub async fn is_served(address: &str) -> bool {
    status(&talk(address, "GET / HTTP/1.0\r\n\r\n").await) == Some("200")
}

/// HTTP/2 with prior knowledge (RFC 9113 section 3.3), one frame at a time.
pub struct Http2 {
    pub stream: TcpStream,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const ACK: u8 = 1;

impl Http2 {
    /// Connects; `settings` as pairs of identifier and value.
    pub async fn connect(address: &str, settings: &[(u16, u32)]) -> Self {
        let mut this = Self { stream: connect(address).await };
        this.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("a write");
        let pairs = settings.iter();
        let payload: Vec<u8> =
            pairs.flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
        assert!(this.send(SETTINGS, 0, 0, &payload).await);
        this
    }

    /// False when the other side has closed.
    pub async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.stream.write_all(&frame).await.is_ok()
    }

    /// A request without a body: static entries of HPACK, and the path as a literal.
    pub async fn get(&mut self, stream: u32, path: &str) -> bool {
        self.send(HEADERS, END_STREAM | END_HEADERS, stream, &head(0x82, path)).await
    }

    /// The head of a request whose body is still to come.
    pub async fn post(&mut self, stream: u32, path: &str) -> bool {
        self.send(HEADERS, END_HEADERS, stream, &head(0x83, path)).await
    }

    /// The next frame; None when the other side has closed.
    pub async fn next(&mut self) -> Option<Frame> {
        let read = async {
            let mut head = [0; 9];
            self.stream.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).expect("a length")];
            self.stream.read_exact(&mut payload).await.ok()?;
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            Some(Frame { kind: head[3], flags: head[4], stream, payload })
        };
        tokio::time::timeout(PATIENCE, read).await.expect("a frame, or an end")
    }

    /// The next frame that is one of these, answering pings on the way as every client does.
    pub async fn next_of(&mut self, kinds: &[u8]) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.kind == PING && frame.flags & ACK == 0 {
                self.send(PING, ACK, 0, &frame.payload).await;
            }
            if kinds.contains(&frame.kind) {
                return Some(frame);
            }
        }
    }
}

fn head(method: u8, path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len()).expect("a short path");
    let mut block = vec![method, 0x86, 0x04, length];
    block.extend(path.as_bytes());
    block.extend([0x01, 1, b'x']);
    block
}
