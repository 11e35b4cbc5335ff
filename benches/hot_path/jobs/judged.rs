//! A content API asks about content tokens: by the gate, as its proxy does, or by introspection (RFC 7662).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use tokio::runtime::Builder;

use super::mint::Mint;
use super::post;
use crate::fault::{Fault, refuse};
use crate::load::client::Client;
use crate::load::{Draw, Job};
use crate::seed::Caller;

/// By which way it asks.
#[derive(Clone, Copy)]
pub enum By {
    Gate,
    Introspection,
}

impl By {
    fn request(self, resource_server: &Caller, token: &str) -> Vec<u8> {
        let Caller { id, key } = resource_server;
        match self {
            Self::Gate => format!(
                "GET /v1/authorize HTTP/1.1\r\nhost: attache.bench.test\r\nattache-resource-server: {key}\r\n\
                 x-forwarded-method: GET\r\nx-forwarded-uri: /entries/1\r\nauthorization: Bearer {token}\r\n\r\n"
            )
            .into_bytes(),
            Self::Introspection => {
                let authorization = format!("Basic {}", STANDARD.encode(format!("{id}:{key}")));
                let form = "application/x-www-form-urlencoded";
                post("/oauth/introspect", &authorization, form, &format!("token={token}"))
            }
        }
    }

    fn looks_right(self, status: u16, body: &[u8]) -> bool {
        let told = matches!(self, Self::Gate) || memmem::find(body, b"\"active\":true").is_some();
        status == 200 && told
    }
}

/// The same tokens over and over.
pub struct Seen {
    by: By,
    prepared: Vec<Vec<u8>>,
}

impl Seen {
    /// `exchanges` are requests for content tokens.
    pub async fn new<'a>(
        address: SocketAddr,
        by: By,
        resource_server: &Caller,
        exchanges: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Self, Fault> {
        let mut client = Client::connect(address).await?;
        let mut prepared = Vec::new();
        for exchange in exchanges {
            let token = content_token(&mut client, exchange).await?;
            prepared.push(by.request(resource_server, &token));
        }
        Ok(Self { by, prepared })
    }
}

impl Job for Seen {
    fn request<'a>(&'a self, draw: &mut Draw, _: &'a mut Vec<u8>) -> Option<(u64, &'a [u8])> {
        let row = draw.below(self.prepared.len() as u64);
        let request = self.prepared.get(usize::try_from(row).ok()?)?;
        Some((row, request))
    }

    fn looks_right(&self, status: u16, body: &[u8]) -> bool {
        self.by.looks_right(status, body)
    }
}

/// Tokens that were never asked about: a signature is verified for each. They are a caller's own, because those are made
/// quickly.
pub struct First {
    by: By,
    address: SocketAddr,
    resource_server: Caller,
    mint: Mint,
    prepared: Mutex<Arc<Vec<Vec<u8>>>>,
    taken: AtomicUsize,
}

impl First {
    pub fn new(address: SocketAddr, by: By, resource_server: &Caller, callers: &[Caller]) -> Self {
        let (prepared, taken) = (Mutex::default(), AtomicUsize::new(0));
        let (resource_server, mint) = (resource_server.clone(), Mint::new(callers));
        Self { by, address, resource_server, mint, prepared, taken }
    }

    async fn make(&self, expected: u64) -> Result<Vec<Vec<u8>>, Fault> {
        let mut client = Client::connect(self.address).await?;
        let mut made = Vec::new();
        for (_, request) in (0..expected).zip(self.mint.all()) {
            let token = content_token(&mut client, request).await?;
            made.push(self.by.request(&self.resource_server, &token));
        }
        Ok(made)
    }
}

impl Job for First {
    fn request<'a>(&'a self, _: &mut Draw, scratch: &'a mut Vec<u8>) -> Option<(u64, &'a [u8])> {
        let prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let at = self.taken.fetch_add(1, Ordering::Relaxed);
        scratch.clone_from(prepared.get(at)?);
        Some((at as u64, scratch))
    }

    fn looks_right(&self, status: u16, body: &[u8]) -> bool {
        self.by.looks_right(status, body)
    }

    fn prepare(&self, expected: u64) {
        let runtime = Builder::new_current_thread().enable_all().build();
        let made = runtime.map_err(Fault::from).and_then(|runtime| runtime.block_on(self.make(expected)));
        // Without any, the table says that nothing was asked.
        let made = made.unwrap_or_else(|fault| {
            eprintln!("no tokens to be asked about: {fault}");
            Vec::new()
        });
        *self.prepared.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(made);
        self.taken.store(0, Ordering::Relaxed);
    }
}

async fn content_token(client: &mut Client, request: &[u8]) -> Result<String, Fault> {
    const BEFORE: &[u8] = b"\"access_token\":\"";
    let answer = client.ask(request).await?;
    let begins = memmem::find(answer.body, BEFORE).map(|at| at + BEFORE.len());
    let token = begins.and_then(|begins| answer.body[begins..].split(|byte| *byte == b'"').next());
    let token = token.filter(|_| answer.status == 200).and_then(|token| str::from_utf8(token).ok());
    match token {
        Some(token) => Ok(token.to_owned()),
        None => refuse(format!("{}: {}", answer.status, String::from_utf8_lossy(answer.body))),
    }
}
