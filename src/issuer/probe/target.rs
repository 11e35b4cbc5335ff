//! Whom a probe asks, and as whom. Asks nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use crate::issuer::authorization_server::Issuer;
use crate::issuer::client::Client;
use crate::issuer::endpoints::Endpoints;
use crate::issuer::issuers::Issuers;
use crate::issuer::scope::Scopes;

/// Who is asked, and as whom.
#[derive(Clone, Copy)]
pub struct Probe<'a> {
    pub issuers: &'a Issuers,
    pub issuer: &'a Issuer,
    /// Without one, as a client that nobody registered.
    pub registration: Option<&'a Registration>,
}

/// An app's client as it is registered at the issuer, and what the app asks for.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Where the configuration file has it, such as `apps.content-writer`.
    pub section: String,
    /// Our own, by which people sign in.
    pub is_sign_in: bool,
    pub client: Client,
    pub redirect_uri: Url,
    pub scopes: Scopes,
    pub audience: Option<String>,
    pub extras: BTreeMap<String, String>,
}

/// What the issuer is asked with once it is known where and by whom.
pub struct Contact {
    pub endpoints: Arc<Endpoints>,
    /// The client, sent as the issuer wants it; None when it is made up, or the issuer refuses it.
    pub client: Option<Client>,
}
