//! A compact JWS of an issuer (RFC 7515, RFC 7519): its header judged, its signature verified with the
//! issuer's own keys. Judges no claim; keys named by the token itself are never used.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::JsonWebKey;
use openidconnect::core::{CoreJsonWebKey, CoreJwsSigningAlgorithm};
use serde::Deserialize;
use serde_json::Value;

use super::claims::{Claims, numeric_date};
use super::fault::{IssuerFault, untrusted};
use super::fetch_keys::{Publisher, key_set, missed, search};
use super::issuers::Issuers;
use super::key_set::KeySet;
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

/// Verifies the signature with the keys that are published.
///
/// # Errors
/// [`IssuerFault::Untrusted`] with the reason; [`IssuerFault::Unverified`] when its key may be one that cannot be had now;
/// [`IssuerFault::Unavailable`] when no keys can be had.
pub async fn verify(
    issuers: &Issuers,
    publisher: Publisher<'_>,
    token: &str,
) -> Result<Verified, IssuerFault> {
    let signed = Signed::parse(token)?;
    let mut keys = key_set(issuers, publisher).await?;
    let mut key = signed.key_among(&keys);
    // The issuer may have changed its keys a moment ago, and even what is behind a name.
    if key.is_none()
        && let Some(published) = search(issuers, publisher, &keys).await
    {
        keys = published;
        key = signed.key_among(&keys);
        if key.is_none() {
            missed(issuers, publisher);
        }
    }
    match key {
        Some(key) => signed.verified(key),
        None => Err(signed.no_key_among(&keys)),
    }
}

/// The same with keys that are known, and never others.
///
/// # Errors
/// [`IssuerFault::Untrusted`] or [`IssuerFault::Unverified`] with the reason.
pub fn verify_by(keys: &KeySet, token: &str) -> Result<Verified, IssuerFault> {
    let signed = Signed::parse(token)?;
    match signed.key_among(keys) {
        Some(key) => signed.verified(key),
        None => Err(signed.no_key_among(keys)),
    }
}

/// A token taken apart. Nothing of it is believed yet.
struct Signed<'a> {
    header: Header,
    algorithm: CoreJwsSigningAlgorithm,
    /// What was signed.
    message: &'a str,
    payload64: &'a str,
    signature: Vec<u8>,
}

impl<'a> Signed<'a> {
    fn parse(token: &'a str) -> Result<Self, IssuerFault> {
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
        let message = &token[..header64.len() + 1 + payload64.len()];
        Ok(Self { header, algorithm, message, payload64, signature })
    }

    /// The key that signed it.
    fn key_among(&self, keys: &KeySet) -> Option<CoreJsonWebKey> {
        let verifies = |key: &&CoreJsonWebKey| {
            key.verify_signature(&self.algorithm, self.message.as_bytes(), &self.signature).is_ok()
        };
        keys.candidates(self.header.kid.as_deref()).find(verifies).cloned()
    }

    /// Of a name that is not published nobody can tell: the published set may be behind.
    fn no_key_among(&self, keys: &KeySet) -> IssuerFault {
        let kid = self.header.kid.as_deref();
        let why = keys.why_not(kid);
        let named = kid.is_none_or(|kid| keys.holds(kid));
        if named { untrusted(&why) } else { IssuerFault::Unverified(why) }
    }

    fn verified(self, key: CoreJsonWebKey) -> Result<Verified, IssuerFault> {
        let claims: Claims =
            json(self.payload64).ok_or_else(|| untrusted("the token's claims cannot be read"))?;
        let media_type = self.header.typ.map(|typ| typ.to_lowercase());
        let typ = media_type.as_ref().map(|typ| typ.trim_start_matches("application/").to_owned());
        Ok(Verified { claims, typ, media_type, algorithm: self.algorithm, key })
    }
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
    numeric_date(&claimed(token)?, "exp").ok().flatten().map(Timestamp::from_unix)
}

/// Who is said to have signed a token. Not verified: it may say whose keys are tried, and nothing else.
#[must_use]
pub fn claimed_issuer(token: &str) -> Option<String> {
    Some(claimed(token)?.get("iss")?.as_str()?.to_owned())
}

fn claimed(token: &str) -> Option<Claims> {
    let mut parts = token.split('.').skip(1);
    let (Some(payload64), Some(_), None) = (parts.next(), parts.next(), parts.next()) else { return None };
    json(payload64)
}
