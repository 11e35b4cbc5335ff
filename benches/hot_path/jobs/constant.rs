//! The yardstick's own two requests, of the same shape as a hand-out.

use super::{Choice, post};
use crate::load::{Draw, Job};
use crate::seed::layout::connection_id;

/// Bare axum.
pub struct Constant {
    request: Vec<u8>,
    body_bytes: usize,
}

impl Constant {
    pub fn new(key: &str, body_bytes: usize) -> Self {
        let request = post("/constant", &format!("Bearer {key}"), "application/json", "{}");
        Self { request, body_bytes }
    }
}

impl Job for Constant {
    fn request<'a>(&'a self, _: &mut Draw, _: &'a mut Vec<u8>) -> Option<(u64, &'a [u8])> {
        Some((0, &self.request))
    }

    fn looks_right(&self, status: u16, body: &[u8]) -> bool {
        status == 200 && body.len() == self.body_bytes
    }
}

/// Bare axum with a bare sqlx read of one row.
pub struct Read {
    pub rows: Choice,
    pub authorization: String,
    pub body_bytes: usize,
}

impl Job for Read {
    fn request<'a>(&'a self, draw: &mut Draw, scratch: &'a mut Vec<u8>) -> Option<(u64, &'a [u8])> {
        let row = self.rows.next(draw);
        *scratch =
            post(&format!("/read/{}", connection_id(row)), &self.authorization, "application/json", "{}");
        Some((row, scratch))
    }

    fn looks_right(&self, status: u16, body: &[u8]) -> bool {
        status == 200 && body.len() == self.body_bytes
    }
}
