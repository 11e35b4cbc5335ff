//! A caller asks for a content token of its own (RFC 6749 section 4.4): nothing is looked for but what it may do, and a token is
//! minted each time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::post;
use crate::broker::{ENVIRONMENTS, PROJECT};
use crate::load::{Draw, Job};
use crate::seed::Caller;

pub struct Mint(Vec<u8>);

impl Mint {
    pub fn new(caller: &Caller) -> Self {
        let authorization = format!("Basic {}", STANDARD.encode(format!("{}:{}", caller.id, caller.key)));
        let form = format!("grant_type=client_credentials&audience={PROJECT}/{}", ENVIRONMENTS[0]);
        Self(post("/oauth/token", &authorization, "application/x-www-form-urlencoded", &form))
    }

    /// At an issuer that knows the audience by itself.
    pub fn elsewhere(client: &Caller) -> Self {
        let authorization = format!("Basic {}", STANDARD.encode(format!("{}:{}", client.id, client.key)));
        let form = "grant_type=client_credentials&scope=content:read";
        Self(post("/token", &authorization, "application/x-www-form-urlencoded", form))
    }

    pub fn text(&self) -> &[u8] {
        &self.0
    }
}

impl Job for Mint {
    fn request<'a>(&'a self, _: &mut Draw, _: &'a mut Vec<u8>) -> Option<(u64, &'a [u8])> {
        Some((0, &self.0))
    }

    fn looks_right(&self, status: u16, body: &[u8]) -> bool {
        status == 200 && memchr::memmem::find(body, b"\"access_token\":\"eyJ").is_some()
    }
}
