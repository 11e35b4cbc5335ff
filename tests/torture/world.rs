//! What somebody in front of a browser needs of the stage; `person.rs` is the promises' own.

use attache::sandbox::issuer::Issuer;

/// Who owns all connections; the grants are of other people at the issuer.
pub const EDITOR: &str = "sandbox|editor";

pub struct World {
    pub public_url: String,
    pub issuer: Issuer,
    pub http: reqwest::Client,
}

impl World {
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }
}
