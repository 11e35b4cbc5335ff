//! Callers ask for content tokens of their own (RFC 6749 section 4.4), each in turn, because each has a limit of its own.
//! Nothing is looked for but what they may do, and a token is minted each time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::post;
use crate::broker::{ENVIRONMENTS, PROJECT};
use crate::load::{Draw, Job};
use crate::seed::Caller;

/// One request for each caller.
pub struct Mint(Vec<Vec<u8>>);

impl Mint {
    pub fn new(callers: &[Caller]) -> Self {
        let form = format!("grant_type=client_credentials&audience={PROJECT}/{}", ENVIRONMENTS[0]);
        Self(callers.iter().map(|caller| request("/oauth/token", caller, &form)).collect())
    }

    /// At an issuer that knows the audience by itself.
    pub fn elsewhere(client: &Caller) -> Self {
        Self(vec![request("/token", client, "grant_type=client_credentials&scope=content:read")])
    }

    /// Requests, over and over.
    pub fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().cycle().map(Vec::as_slice)
    }
}

fn request(path: &str, client: &Caller, form: &str) -> Vec<u8> {
    let authorization = format!("Basic {}", STANDARD.encode(format!("{}:{}", client.id, client.key)));
    post(path, &authorization, "application/x-www-form-urlencoded", form)
}

impl Job for Mint {
    fn request<'a>(&'a self, draw: &mut Draw, _: &'a mut Vec<u8>) -> Option<(u64, &'a [u8])> {
        let which = draw.below(self.0.len() as u64);
        Some((which, self.0.get(usize::try_from(which).ok()?)?))
    }

    fn looks_right(&self, status: u16, body: &[u8]) -> bool {
        status == 200 && memchr::memmem::find(body, b"\"access_token\":\"eyJ").is_some()
    }
}
