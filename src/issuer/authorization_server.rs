//! An issuer as it was configured: its name, where it is, and its habits. Holds nothing that was fetched from it.

use std::collections::BTreeMap;

use url::Url;

use super::identity::IdentityConfig;
use super::profile::Profile;

/// Where tokens are asked about, by its name in metadata. RFC 8414 section 2.
pub(super) const INTROSPECTION_ENDPOINT: &str = "introspection_endpoint";

/// An authorization server or OpenID provider, and its habits.
#[derive(Clone, Debug)]
pub struct Issuer {
    pub id: String,
    pub key: String,
    /// What people are shown.
    pub name: String,
    pub whereabouts: Whereabouts,
    pub profile: Profile,
    pub scope_descriptions: BTreeMap<String, String>,
}

/// How its endpoints are known.
#[derive(Clone, Debug)]
pub enum Whereabouts {
    /// OpenID Connect Discovery 1.0 or RFC 8414, by the issuer identifier exactly as it is written.
    /// What the operator said beside it wins over the metadata.
    Discovery { identifier: String, said: Box<SaidUrls> },
    /// Written down one by one; such an issuer has no identifier, and its ID tokens are not used.
    Explicit(Box<ExplicitUrls>),
}

#[derive(Clone, Debug)]
pub struct ExplicitUrls {
    pub authorization: Url,
    pub token: Url,
    pub userinfo: Option<Url>,
    pub revocation: Option<Url>,
}

/// Addresses that an operator gave beside an identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaidUrls {
    pub authorization: Option<Url>,
    pub token: Option<Url>,
    pub userinfo: Option<Url>,
    pub revocation: Option<Url>,
    pub jwks: Option<Url>,
}

impl SaidUrls {
    /// By the name in metadata.
    fn by_member(&self, name: &str) -> Option<&Url> {
        match name {
            "authorization_endpoint" => self.authorization.as_ref(),
            "token_endpoint" => self.token.as_ref(),
            "userinfo_endpoint" => self.userinfo.as_ref(),
            "revocation_endpoint" => self.revocation.as_ref(),
            "jwks_uri" => self.jwks.as_ref(),
            _ => None,
        }
    }
}

impl Issuer {
    /// What names the issuer beside an external subject: its identifier, or its URLs when it has none.
    #[must_use]
    pub fn external_name(&self) -> String {
        match &self.whereabouts {
            Whereabouts::Discovery { identifier, .. } => identifier.clone(),
            Whereabouts::Explicit(urls) => format!("{} {}", urls.authorization, urls.token),
        }
    }

    /// The revocation that an operator gave a stored issuer, which its URLs alone do not tell: it stays while the token
    /// address does.
    pub fn keep_what_was_said(&mut self, stored: &Self) {
        if let (Whereabouts::Explicit(urls), Whereabouts::Explicit(before)) =
            (&mut self.whereabouts, &stored.whereabouts)
            && urls.token == before.token
        {
            urls.revocation.clone_from(&before.revocation);
            self.profile.revocation_reach = stored.profile.revocation_reach;
        }
    }

    /// The address that the operator gave beside the identifier for a member of the metadata.
    pub(super) fn said(&self, member: &str) -> Option<&Url> {
        match &self.whereabouts {
            Whereabouts::Discovery { .. } if member == INTROSPECTION_ENDPOINT => {
                self.profile.introspection_url.as_ref()
            }
            Whereabouts::Discovery { said, .. } => said.by_member(member),
            Whereabouts::Explicit(_) => None,
        }
    }

    /// Who consented, where only a userinfo address tells: an issuer that is given by its addresses.
    #[must_use]
    pub fn identity_config(&self) -> Option<IdentityConfig> {
        match &self.whereabouts {
            Whereabouts::Discovery { .. } => None,
            Whereabouts::Explicit(urls) => urls.userinfo.clone().map(IdentityConfig::of_userinfo),
        }
    }

    #[must_use]
    pub fn identifier(&self) -> Option<&str> {
        match &self.whereabouts {
            Whereabouts::Discovery { identifier, .. } => Some(identifier),
            Whereabouts::Explicit(_) => None,
        }
    }
}
