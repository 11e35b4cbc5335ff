//! A third-party app as it is stored. Looks nothing up.

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use super::rules::{AppKind, AppStatus, IdentityRule, ScopeRule, Source, callback_path};
use crate::Broker;
use crate::connection::allowed::Access;
use crate::content::permission::{Permissions, scope};
use crate::issuer::identity::IdentityConfig;
use crate::issuer::profile::Pkce;
use crate::issuer::scope::Scopes;
use crate::issuer::{ClientAuth, Issuer};
use crate::vault::{Place, Sealed, WrappedKey};

/// A third-party app as it is stored, with its issuer.
#[derive(Clone, Debug)]
pub struct App {
    pub id: String,
    pub key: String,
    pub name: String,
    pub description: String,
    pub has_logo: bool,
    pub kind: AppKind,
    pub home_page: Option<Url>,
    pub status: AppStatus,
    pub issuer: Issuer,
    pub client_id: String,
    pub client_auth: ClientAuth,
    pub client_secret: Option<Sealed>,
    pub data_key: WrappedKey,
    pub scopes: Scopes,
    pub scope_rule: ScopeRule,
    pub audience: Option<String>,
    pub authorization_url_extras: BTreeMap<String, String>,
    /// The app's own wish (a manifest's `use_pkce`); else the issuer's profile says.
    pub pkce: Option<Pkce>,
    pub identity_rule: IdentityRule,
    pub identity_config: Option<IdentityConfig>,
    pub accepted_audiences: Vec<String>,
    pub redirect_uris: Vec<Url>,
    /// What it may do at any environment at the most; None for no bound of its own.
    pub permissions: Option<Arc<Permissions>>,
    /// What it may do where, as long as it shows tokens of people who have not agreed here. None: it may show none.
    pub direct: Option<Access>,
    pub source: Source,
}

impl App {
    /// The one redirect URI of this app at its issuer. RFC 9700 section 4.4.2.1.
    #[must_use]
    pub fn callback(&self, broker: &Broker) -> Url {
        broker.url(&callback_path(&self.key))
    }

    /// Whether it asks to change content: by its own bound, or where it has none by its scopes.
    #[must_use]
    pub fn asks_to_write(&self) -> bool {
        let by_scopes = || Scopes::lenient(scope::WRITE).is_subset(&self.scopes);
        self.permissions.as_ref().map_or_else(by_scopes, |bound| scope::writes(bound))
    }

    /// Whether authorization requests carry a code challenge.
    #[must_use]
    pub fn pkce(&self) -> Pkce {
        self.pkce.unwrap_or(self.issuer.profile.pkce)
    }

    /// Where the client secret lives.
    #[must_use]
    pub fn secret_place(id: &str, client_id: &str) -> Place {
        Place::new("apps", "client_secret", id, &[client_id])
    }
}
