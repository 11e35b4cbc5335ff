//! A page asks for a session token, with the cookie of whoever is signed in there. A token is minted each time.

use memchr::memmem;

use crate::load::{Draw, Job};

pub struct SessionToken(Vec<u8>);

impl SessionToken {
    /// `origin` is the server's own, whose pages may ask.
    pub fn new(origin: &str, cookie: &str) -> Self {
        let request = format!(
            "POST /v1/session/tokens HTTP/1.1\r\nhost: attache.bench.test\r\norigin: {origin}\r\n\
             sec-fetch-site: same-origin\r\ncookie: {cookie}\r\ncontent-length: 0\r\n\r\n"
        );
        Self(request.into_bytes())
    }
}

impl Job for SessionToken {
    fn request<'a>(&'a self, _: &mut Draw, _: &'a mut Vec<u8>) -> Option<(u64, &'a [u8])> {
        Some((0, &self.0))
    }

    fn looks_right(&self, status: u16, body: &[u8]) -> bool {
        status == 200 && memmem::find(body, b"\"jwt\":\"eyJ").is_some()
    }
}
