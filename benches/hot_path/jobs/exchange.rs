//! A caller exchanges an access token for a content token (RFC 8693).

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use url::form_urlencoded::Serializer;

use super::{Choice, post};
use crate::broker::{ENVIRONMENTS, PROJECT, client_id};
use crate::issuer::Issuer;
use crate::load::{Draw, Job};
use crate::seed::Caller;
use crate::seed::layout::{Layout, access_token, caller, subject};

fn form(subject_token: &str, environment: &str) -> Serializer<'static, String> {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
    form.append_pair("subject_token_type", "urn:ietf:params:oauth:token-type:access_token");
    form.append_pair("audience", &format!("{PROJECT}/{environment}"));
    form.append_pair("subject_token", subject_token);
    form
}

fn request(caller: &Caller, subject_token: &str, environment: &str) -> Vec<u8> {
    let mut form = form(subject_token, environment);
    let authorization = format!("Basic {}", STANDARD.encode(format!("{}:{}", caller.id, caller.key)));
    post("/oauth/token", &authorization, "application/x-www-form-urlencoded", &form.finish())
}

fn is_content_token(status: u16, body: &[u8]) -> bool {
    status == 200 && memmem::find(body, b"\"access_token\":\"eyJ").is_some()
}

/// The same access tokens over and over: answered from the kept content token.
pub struct Kept {
    rows: Choice,
    first: u64,
    prepared: Vec<Vec<u8>>,
}

impl Kept {
    pub fn new(rows: Range<u64>, callers: &[Caller]) -> Self {
        let write = |row| request(&callers[caller(row)], &access_token(row), ENVIRONMENTS[0]);
        Self { first: rows.start, prepared: rows.clone().map(write).collect(), rows: Choice::Any(rows) }
    }

    /// Every request there is.
    pub fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.prepared.iter().map(Vec::as_slice)
    }
}

impl Job for Kept {
    fn request<'a>(&'a self, draw: &mut Draw, _: &'a mut Vec<u8>) -> Option<(u64, &'a [u8])> {
        let row = self.rows.next(draw);
        let index = usize::try_from(row - self.first).ok()?;
        self.prepared.get(index).map(|request| (row, request.as_slice()))
    }

    fn looks_right(&self, status: u16, body: &[u8]) -> bool {
        is_content_token(status, body)
    }
}

/// JWTs that were never seen, each of another (connection, environment): verified, and a content token minted.
pub struct FirstSight {
    issuer: Issuer,
    layout: Layout,
    callers: Vec<Caller>,
    /// (connection, environment) pairs used up.
    used: AtomicU64,
    /// Signed before each round, because signing costs as much as what is measured.
    signed: Mutex<Signed>,
    taken: AtomicUsize,
}

type Signed = std::sync::Arc<Vec<(u64, Vec<u8>)>>;

impl FirstSight {
    pub fn new(issuer: Issuer, layout: Layout, callers: Vec<Caller>) -> Self {
        let (used, taken) = (AtomicU64::new(0), AtomicUsize::new(0));
        Self { issuer, layout, callers, used, signed: Mutex::default(), taken }
    }

    fn sign(&self, pair: u64) -> (u64, Vec<u8>) {
        let rows = self.layout.first_sight();
        let count = rows.end - rows.start;
        let row = rows.start + pair % count;
        let environment = usize::try_from(pair / count).unwrap_or_default() % ENVIRONMENTS.len();
        let token = self.issuer.sign(&subject(row), &client_id(&self.layout.app_key(row)));
        (row, request(&self.callers[caller(row)], &token, ENVIRONMENTS[environment]))
    }
}

impl Job for FirstSight {
    fn request<'a>(&'a self, _: &mut Draw, scratch: &'a mut Vec<u8>) -> Option<(u64, &'a [u8])> {
        let signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (row, request) = signed.get(self.taken.fetch_add(1, Ordering::Relaxed))?;
        scratch.clone_from(request);
        Some((*row, scratch))
    }

    fn looks_right(&self, status: u16, body: &[u8]) -> bool {
        is_content_token(status, body)
    }

    fn prepare(&self, expected: u64) {
        let first = self.used.fetch_add(expected, Ordering::Relaxed);
        let signed = (first..first + expected).map(|pair| self.sign(pair)).collect();
        *self.signed.lock().unwrap_or_else(PoisonError::into_inner) = std::sync::Arc::new(signed);
        self.taken.store(0, Ordering::Relaxed);
    }
}

/// One person's, each for another model, so that nothing that was made before is good for it.
pub struct EachAnew {
    authorization: String,
    row: u64,
    taken: AtomicU64,
}

impl EachAnew {
    pub fn new(row: u64, callers: &[Caller]) -> Self {
        let Caller { id, key } = &callers[caller(row)];
        let authorization = format!("Basic {}", STANDARD.encode(format!("{id}:{key}")));
        Self { authorization, row, taken: AtomicU64::new(0) }
    }
}

impl Job for EachAnew {
    fn request<'a>(&'a self, _: &mut Draw, scratch: &'a mut Vec<u8>) -> Option<(u64, &'a [u8])> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        let detail = format!("[{{\"type\":\"content\",\"actions\":[\"read\"],\"models\":[\"M{number}\"]}}]");
        let mut form = form(&access_token(self.row), ENVIRONMENTS[0]);
        form.append_pair("authorization_details", &detail);
        *scratch =
            post("/oauth/token", &self.authorization, "application/x-www-form-urlencoded", &form.finish());
        Some((self.row, scratch))
    }

    fn looks_right(&self, status: u16, body: &[u8]) -> bool {
        is_content_token(status, body)
    }
}
