//! A caller stops connections on Slack's wire, each once.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::post;
use crate::load::{Draw, Job};
use crate::seed::Caller;
use crate::seed::layout::{caller, connection_id};

pub struct Stop {
    rows: Range<u64>,
    taken: AtomicU64,
    authorizations: Vec<String>,
}

impl Stop {
    pub fn new(rows: Range<u64>, callers: &[Caller]) -> Self {
        let authorizations = callers.iter().map(|caller| format!("Bearer {}", caller.key)).collect();
        Self { rows, taken: AtomicU64::new(0), authorizations }
    }
}

impl Job for Stop {
    fn request<'a>(&'a self, _: &mut Draw, scratch: &'a mut Vec<u8>) -> Option<(u64, &'a [u8])> {
        let row = self.rows.start + self.taken.fetch_add(1, Ordering::Relaxed);
        if row >= self.rows.end {
            return None;
        }
        let body = format!("external_token_id={}", connection_id(row));
        let form = "application/x-www-form-urlencoded";
        *scratch = post("/api/apps.auth.external.delete", &self.authorizations[caller(row)], form, &body);
        Some((row, scratch))
    }

    fn looks_right(&self, status: u16, body: &[u8]) -> bool {
        status == 200 && body.starts_with(br#"{"ok":true"#)
    }
}
