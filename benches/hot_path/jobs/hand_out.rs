//! A caller asks for the access token of a connection.

use memchr::memmem;

use super::{Choice, post};
use crate::issuer::REFRESHED;
use crate::load::{Draw, Job};
use crate::seed::Caller;
use crate::seed::layout::{access_token, caller, connection_id};

/// Whose wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Slack,
    Json,
    /// As `Json`, and another token than the one that is there.
    Refresh,
}

pub struct HandOut {
    wire: Wire,
    rows: Choice,
    /// One for each caller.
    authorizations: Vec<String>,
    /// All requests there can be, from the first row on; empty when there are too many to keep.
    prepared: (u64, Vec<Vec<u8>>),
}

/// More are put together when they are asked for.
const KEPT: u64 = 4_096;

impl HandOut {
    pub fn new(wire: Wire, rows: Choice, callers: &[Caller]) -> Self {
        let authorizations = callers.iter().map(|caller| format!("Bearer {}", caller.key)).collect();
        let mut job = Self { wire, rows, authorizations, prepared: (0, Vec::new()) };
        if let Choice::Any(rows) = &job.rows
            && rows.end - rows.start <= KEPT
        {
            job.prepared = (rows.start, rows.clone().map(|row| job.write(row)).collect());
        }
        job
    }

    fn write(&self, row: u64) -> Vec<u8> {
        let (id, authorization) = (connection_id(row), &self.authorizations[caller(row)]);
        let path = format!("/v1/connections/{id}/token");
        match self.wire {
            Wire::Slack => {
                let body = format!("external_token_id={id}");
                let form = "application/x-www-form-urlencoded";
                post("/api/apps.auth.external.get", authorization, form, &body)
            }
            Wire::Json => post(&path, authorization, "application/json", "{}"),
            Wire::Refresh => post(&path, authorization, "application/json", r#"{"force_refresh":true}"#),
        }
    }
}

impl Job for HandOut {
    fn request<'a>(&'a self, draw: &mut Draw, scratch: &'a mut Vec<u8>) -> Option<(u64, &'a [u8])> {
        let row = self.rows.next(draw);
        let (first, prepared) = &self.prepared;
        if !prepared.is_empty() {
            let index = usize::try_from(row - first).ok()?;
            return prepared.get(index).map(|request| (row, request.as_slice()));
        }
        *scratch = self.write(row);
        Some((row, scratch))
    }

    /// A refusal on Slack's wire has status 200 too, but is short.
    fn looks_right(&self, status: u16, body: &[u8]) -> bool {
        status == 200 && body.len() > 700
    }

    fn is_right(&self, row: u64, body: &[u8]) -> bool {
        match self.wire {
            Wire::Slack | Wire::Json => memmem::find(body, access_token(row).as_bytes()).is_some(),
            Wire::Refresh => memmem::find(body, REFRESHED.as_bytes()).is_some(),
        }
    }
}
