//! Looks up where an issuer revokes. One that is given by its addresses, without a revocation endpoint, may still publish
//! one: in metadata at the origin of its token address (RFC 8414, OpenID Connect Discovery 1.0). They are believed only
//! when they name that very token address as their token endpoint: whoever answers there is given the tokens anyway.
//! Looks for no other endpoint, and revokes nothing.

use serde_json::Value;
use url::Url;

use super::authorization_server::{ExplicitUrls, Issuer, Whereabouts};
use super::discovery::{endpoints, is_foreign, last_known};
use super::fault::IssuerFault;
use super::issuers::Issuers;
use super::last_good::Terms;
use super::metadata::{self, appended, endpoint, inserted};
use super::profile::Reach;

/// Seconds after which it is looked for again.
const FRESH_FOR: i64 = 3600;
/// The longest path of an issuer, in segments: Keycloak's have two.
const LONGEST_PATH: usize = 4;

/// Whether an issuer can be told of a revoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanBeTold {
    Yes,
    No,
    /// Nobody has looked yet.
    NotKnown,
}

/// Where an issuer revokes; None when it does not.
///
/// # Errors
/// When that cannot be found out now.
pub async fn revocation_endpoint(issuers: &Issuers, issuer: &Issuer) -> Result<Option<Url>, IssuerFault> {
    if issuer.profile.revocation_reach == Reach::None {
        return Ok(None);
    }
    let Whereabouts::Explicit(urls) = &issuer.whereabouts else {
        let known = endpoints(issuers, issuer).await?;
        return match (&known.revocation, &known.unseen) {
            (None, Some(fault)) => Err(fault.clone()),
            (revocation, _) => Ok(revocation.clone()),
        };
    };
    if urls.revocation.is_some() {
        return Ok(urls.revocation.clone());
    }
    let terms = Terms { clock: &issuers.clock, whom: &issuer.external_name(), fresh_for: FRESH_FOR };
    let looking = || {
        let (issuers, issuer, urls) = (issuers.clone(), issuer.clone(), urls.clone());
        async move { look(&issuers, &issuer, &urls).await }
    };
    let found = issuers.revocation_endpoint(&urls.token).get(terms, looking).await?;
    Ok(found.as_ref().clone())
}

/// What is known of it; asks nobody.
#[must_use]
pub fn can_be_told(issuers: &Issuers, issuer: &Issuer) -> CanBeTold {
    let found = match &issuer.whereabouts {
        _ if issuer.profile.revocation_reach == Reach::None => Some(false),
        Whereabouts::Discovery { said, .. } if said.revocation.is_some() => Some(true),
        Whereabouts::Discovery { .. } => last_known(issuers, issuer)
            .filter(|known| known.revocation.is_some() || known.unseen.is_none())
            .map(|known| known.revocation.is_some()),
        Whereabouts::Explicit(urls) if urls.revocation.is_some() => Some(true),
        Whereabouts::Explicit(urls) => {
            issuers.revocation_endpoint(&urls.token).last().map(|found| found.is_some())
        }
    };
    match found {
        Some(true) => CanBeTold::Yes,
        Some(false) => CanBeTold::No,
        None => CanBeTold::NotKnown,
    }
}

async fn look(issuers: &Issuers, issuer: &Issuer, urls: &ExplicitUrls) -> Result<Option<Url>, IssuerFault> {
    for identifier in identifiers(&urls.token) {
        let openid = appended(&identifier, "/.well-known/openid-configuration");
        let oauth = inserted(&identifier, "/.well-known/oauth-authorization-server");
        for place in [openid, oauth] {
            let Some(found) = metadata::get(issuers, &place).await? else { continue };
            if speaks_for(&found, &identifier, &urls.token) {
                let revocation = endpoint(&found, "revocation_endpoint");
                return Ok(revocation.filter(|endpoint| !is_foreign(issuer, &urls.token, endpoint)));
            }
        }
    }
    Ok(None)
}

/// The issuers that may have this token address, the shortest first.
fn identifiers(token: &Url) -> Vec<Url> {
    let segments: Vec<&str> = token.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let lengths = 0..segments.len().clamp(1, LONGEST_PATH);
    let at = |length| {
        let mut identifier = token.clone();
        identifier.set_query(None);
        identifier.set_path(&segments[..length].join("/"));
        identifier
    };
    lengths.map(at).collect()
}

/// Whether metadata are those of this issuer (RFC 8414 section 3.3), and of this token address.
fn speaks_for(metadata: &Value, identifier: &Url, token: &Url) -> bool {
    let bare = |url: &str| url.trim_end_matches('/').to_owned();
    let said = metadata.get("issuer").and_then(Value::as_str).map(bare);
    said == Some(bare(identifier.as_str())) && endpoint(metadata, "token_endpoint").as_ref() == Some(token)
}

#[cfg(test)]
mod tests {
    use super::{identifiers, speaks_for};
    use serde_json::json;
    use url::Url;

    fn at(url: &str) -> Url {
        Url::parse(url).expect("a URL")
    }

    #[test]
    fn an_issuer_is_looked_for_from_its_origin_down_to_its_token_address() {
        let token = at("https://id.example.com/realms/one/protocol/openid-connect/token?tenant=1");
        let looked: Vec<String> = identifiers(&token).iter().map(Url::to_string).collect();
        let expected = ["", "realms", "realms/one", "realms/one/protocol"];
        assert_eq!(looked, expected.map(|path| format!("https://id.example.com/{path}")));
        assert_eq!(identifiers(&at("https://id.example.com/")).len(), 1);
    }

    #[test]
    fn metadata_are_believed_for_the_very_token_address_only() {
        let (issuer, token) = (at("https://id.example.com/"), at("https://id.example.com/token"));
        let metadata = |issuer: &str, token: &str| json!({ "issuer": issuer, "token_endpoint": token });
        for said in ["https://id.example.com", "https://id.example.com/"] {
            assert!(speaks_for(&metadata(said, token.as_str()), &issuer, &token));
        }
        for (said, endpoint) in [
            ("https://other.example.com", "https://id.example.com/token"),
            ("https://id.example.com", "https://id.example.com/token/"),
            ("https://id.example.com", "https://other.example.com/token"),
        ] {
            assert!(!speaks_for(&metadata(said, endpoint), &issuer, &token));
        }
        assert!(!speaks_for(&json!([]), &issuer, &token));
    }
}
