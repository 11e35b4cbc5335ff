//! What is asked of the server, one file for one kind of request.

pub mod constant;
pub mod exchange;
pub mod get;
pub mod hand_out;
pub mod judged;
pub mod mint;
pub mod session_token;
pub mod stop;

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::load::Draw;

/// How rows are chosen.
pub enum Choice {
    /// Any of them, each time.
    Any(Range<u64>),
    /// Each of them once, before any of them again.
    Each(Range<u64>, AtomicU64),
}

impl Choice {
    pub const fn each(rows: Range<u64>) -> Self {
        Self::Each(rows, AtomicU64::new(0))
    }

    pub fn next(&self, draw: &mut Draw) -> u64 {
        match self {
            Self::Any(rows) => rows.start + draw.below(rows.end - rows.start),
            Self::Each(rows, taken) => {
                rows.start + taken.fetch_add(1, Ordering::Relaxed) % (rows.end - rows.start)
            }
        }
    }
}

/// A POST with everything in front of the body.
fn post(path: &str, authorization: &str, content_type: &str, body: &str) -> Vec<u8> {
    let mut text = String::with_capacity(256 + body.len());
    let _ = write!(
        text,
        "POST {path} HTTP/1.1\r\nhost: attache.bench.test\r\nauthorization: {authorization}\r\n\
         content-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    text.into_bytes()
}
