//! A compact JWS of an issuer (RFC 7515, RFC 7519): its header judged, its signature verified with the
//! issuer's own keys. Judges no claim; keys named by the token itself are never used.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::JsonWebKey;
use openidconnect::core::{CoreJsonWebKey, CoreJwsSigningAlgorithm};
use serde::Deserialize;
use serde_json::Value;

use super::authorization_server::Issuer;
use super::claims::{Claims, numeric_date};
use super::fault::{IssuerFault, untrusted};
use super::fetch_keys::{key_set, missed, search};
use super::issuers::Issuers;
use super::token_set::LONGEST_TOKEN;
use crate::clock::Timestamp;

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// A token whose signature is the issuer's.
pub struct Verified {
    pub claims: Claims,
    /// The `typ` of the header, lower case, without `application/`.
    pub typ: Option<String>,
    /// The same with it, where it stands there.
    pub media_type: Option<String>,
    algorithm: CoreJwsSigningAlgorithm,
    key: CoreJsonWebKey,
}

impl Verified {
    /// The left half of the hash of an access token, by this token's algorithm. OpenID Connect Core 1.0
    /// section 3.1.3.6.
    #[must_use]
    pub fn half_hash(&self, access_token: &str) -> Option<String> {
        let hash = self.key.hash_bytes(access_token.as_bytes(), &self.algorithm).ok()?;
        Some(URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2]))
    }
}

/// Verifies the signature with the issuer's published keys.
///
/// # Errors
/// [`IssuerFault::Untrusted`] with the reason; [`IssuerFault::Unverified`] when its key may be one that cannot be had now;
/// [`IssuerFault::Unavailable`] when no keys can be had.
pub async fn verify(issuers: &Issuers, issuer: &Issuer, token: &str) -> Result<Verified, IssuerFault> {
    if token.len() > LONGEST_TOKEN {
        return Err(untrusted("the token is too long"));
    }
    let mut parts = token.split('.');
    let (Some(header64), Some(payload64), Some(signature64), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(untrusted("the token is not a signed JWT"));
    };
    let header: Header = json(header64).ok_or_else(|| untrusted("the token's header cannot be read"))?;
    if header.crit.is_some() {
        return Err(untrusted("the token's header demands extensions that are not understood"));
    }
    let algorithm = allowed_algorithm(&header.alg)?;
    let signature =
        URL_SAFE_NO_PAD.decode(signature64).map_err(|_| untrusted("the signature cannot be read"))?;
    let kid = header.kid.as_deref();
    let message = &token[..header64.len() + 1 + payload64.len()];
    let verifies =
        |key: &&CoreJsonWebKey| key.verify_signature(&algorithm, message.as_bytes(), &signature).is_ok();
    let mut keys = key_set(issuers, issuer).await?;
    let mut key = keys.candidates(kid).find(verifies).cloned();
    // The issuer may have changed its keys a moment ago, and even what is behind a name.
    if key.is_none()
        && let Some(published) = search(issuers, issuer, &keys).await
    {
        keys = published;
        key = keys.candidates(kid).find(verifies).cloned();
        if key.is_none() {
            missed(issuers, issuer);
        }
    }
    let Some(key) = key else {
        // Of a name that is not published nobody can tell: the published set may be behind.
        let why = keys.why_not(kid);
        let named = kid.is_none_or(|kid| keys.holds(kid));
        return Err(if named { untrusted(&why) } else { IssuerFault::Unverified(why) });
    };
    let claims: Claims = json(payload64).ok_or_else(|| untrusted("the token's claims cannot be read"))?;
    let media_type = header.typ.map(|typ| typ.to_lowercase());
    let typ = media_type.as_ref().map(|typ| typ.trim_start_matches("application/").to_owned());
    Ok(Verified { claims, typ, media_type, algorithm, key })
}

/// Whether a text has the form of a signed JWT; says nothing about who signed it.
#[must_use]
pub fn looks_like_one(token: &str) -> bool {
    let parts: Vec<&str> = token.split('.').collect();
    parts.len() == 3 && json::<Header>(parts[0]).is_some() && json::<Claims>(parts[1]).is_some()
}

/// Whether a token signed in this way is accepted.
#[must_use]
pub fn is_allowed(algorithm: &str) -> bool {
    allowed_algorithm(algorithm).is_ok()
}

/// Asymmetric algorithms only: no `none` in any spelling, no HMAC.
fn allowed_algorithm(name: &str) -> Result<CoreJwsSigningAlgorithm, IssuerFault> {
    Ok(match name {
        "RS256" => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        "RS384" => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
        "RS512" => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
        "PS256" => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
        "PS384" => CoreJwsSigningAlgorithm::RsaSsaPssSha384,
        "PS512" => CoreJwsSigningAlgorithm::RsaSsaPssSha512,
        "ES256" => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        "ES384" => CoreJwsSigningAlgorithm::EcdsaP384Sha384,
        "EdDSA" => CoreJwsSigningAlgorithm::EdDsa,
        _ => return Err(untrusted("the token's algorithm is not one that is accepted")),
    })
}

fn json<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// When a token that happens to be a JWT says that it ends. Not verified: it may shorten how long a token is taken for
/// alive, and nothing else.
#[must_use]
pub fn claimed_expiry(token: &str) -> Option<Timestamp> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload64), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let claims: Claims = json(payload64)?;
    numeric_date(&claims, "exp").ok().flatten().map(Timestamp::from_unix)
}
