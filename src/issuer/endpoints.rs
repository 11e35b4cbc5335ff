//! Where an issuer is spoken to. Finds nothing out: see [`super::discovery`].

use std::collections::BTreeSet;

use url::Url;

use super::authorization_server::ExplicitUrls;
use super::fault::IssuerFault;

/// Where an issuer is spoken to.
#[derive(Clone, Debug)]
pub struct Endpoints {
    pub identifier: Option<String>,
    pub authorization: Url,
    pub token: Url,
    pub userinfo: Option<Url>,
    pub revocation: Option<Url>,
    pub jwks: Option<Url>,
    /// Only where the profile has tokens asked about there.
    pub introspection: Option<Url>,
    pub end_session: Option<Url>,
    /// It says that it sends `iss` with every authorization answer (RFC 9207).
    pub sends_iss: bool,
    /// Whether it lists the scope `offline_access`; None where it lists no scopes.
    pub offers_offline_access: Option<bool>,
    /// The `prompt` values that it says it knows, where it says so.
    pub prompts: Option<BTreeSet<String>>,
    /// Why a part of the metadata could not be seen: it may name a revocation endpoint.
    pub unseen: Option<IssuerFault>,
}

impl Endpoints {
    /// Those of an issuer that is given by its addresses, which publishes nothing.
    pub(super) fn explicit(urls: &ExplicitUrls) -> Self {
        let urls = urls.clone();
        Self {
            identifier: None,
            authorization: urls.authorization,
            token: urls.token,
            userinfo: urls.userinfo,
            revocation: urls.revocation,
            jwks: None,
            introspection: None,
            end_session: None,
            sends_iss: false,
            offers_offline_access: None,
            prompts: None,
            unseen: None,
        }
    }
}
