//! A GET of one address: the key set, or a page of somebody signed in.

use memchr::memmem;

use crate::load::{Draw, Job};

pub struct Get {
    request: Vec<u8>,
    /// Stands in every right answer.
    holds: &'static str,
}

impl Get {
    pub fn new(path: &str, cookie: Option<&str>, holds: &'static str) -> Self {
        let cookie = cookie.map(|cookie| format!("cookie: {cookie}\r\n")).unwrap_or_default();
        let request = format!("GET {path} HTTP/1.1\r\nhost: attache.bench.test\r\n{cookie}\r\n").into_bytes();
        Self { request, holds }
    }
}

impl Job for Get {
    fn request<'a>(&'a self, _: &mut Draw, _: &'a mut Vec<u8>) -> Option<(u64, &'a [u8])> {
        Some((0, &self.request))
    }

    fn looks_right(&self, status: u16, _: &[u8]) -> bool {
        status == 200
    }

    fn is_right(&self, _: u64, body: &[u8]) -> bool {
        memmem::find(body, self.holds.as_bytes()).is_some()
    }
}
