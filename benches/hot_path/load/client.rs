//! One kept HTTP/1.1 connection: writes prepared bytes, reads one answer by its Content-Length. Knows no chunks, no
//! redirects and no TLS, so that the bench costs little beside what it measures.

use std::io;
use std::net::SocketAddr;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HEAD_END: &[u8] = b"\r\n\r\n";
const LENGTH: &[u8] = b"\r\ncontent-length: ";
const RETRY_AFTER: &[u8] = b"\r\nretry-after: ";

pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

pub struct Answer<'a> {
    pub status: u16,
    pub head: &'a [u8],
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// Seconds.
    pub fn retry_after(&self) -> Option<u64> {
        number_behind(self.head, RETRY_AFTER)
    }

    /// Turned away rather than answered.
    pub const fn is_refusal(&self) -> bool {
        matches!(self.status, 429 | 503)
    }
}

impl Client {
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 16 * 1024] })
    }

    /// One request and its answer. After an error the connection is of no use.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let (head, length) = loop {
            let searched = filled;
            filled += self.read_into(filled).await?;
            // The end may have begun in the bytes before.
            let from = searched.saturating_sub(HEAD_END.len());
            if let Some(at) = memmem::find(&self.buffer[from..filled], HEAD_END) {
                let head = from + at;
                let length = number_behind(&self.buffer[..head], LENGTH);
                let length = length.and_then(|length| usize::try_from(length).ok());
                let Some(length) = length else { return Err(io::Error::other("an answer without a length")) };
                break (head, length);
            }
        };
        let body = head + HEAD_END.len();
        while filled < body + length {
            filled += self.read_into(filled).await?;
        }
        let status = std::str::from_utf8(&self.buffer[9..12]).ok().and_then(|text| text.parse().ok());
        let Some(status) = status else { return Err(io::Error::other("an answer without a status")) };
        Ok(Answer { status, head: &self.buffer[..head], body: &self.buffer[body..body + length] })
    }

    async fn read_into(&mut self, filled: usize) -> io::Result<usize> {
        if filled == self.buffer.len() {
            self.buffer.resize(filled * 2, 0);
        }
        match self.stream.read(&mut self.buffer[filled..]).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }
}

fn number_behind(head: &[u8], name: &[u8]) -> Option<u64> {
    let begin = memmem::find(head, name)? + name.len();
    let digits = head[begin..].iter().take_while(|byte| byte.is_ascii_digit());
    std::str::from_utf8(&head[begin..begin + digits.count()]).ok()?.parse().ok()
}
