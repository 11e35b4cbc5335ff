//! Judges an ID token (OpenID Connect Core 1.0 section 3.1.3.7), stricter than the crates do: `azp`, `nbf`,
//! `iat` and `at_hash` are judged too, and dates must be numbers.

use super::authorization_server::Issuer;
use super::claims::{self, Claims};
use super::fault::{IssuerFault, untrusted};
use super::fetch_keys::Publisher;
use super::issuers::Issuers;
use super::jwt::{self, Verified};
use crate::secret::{Token, same};

/// What an ID token must agree with.
pub struct Expected<'a> {
    pub client_id: &'a str,
    pub nonce: &'a str,
    pub access_token: Option<&'a Token>,
}

/// The claims of an ID token that may be believed.
///
/// # Errors
/// [`IssuerFault::Untrusted`] with the reason; [`IssuerFault::Unavailable`] when no keys can be had.
pub async fn verify(
    issuers: &Issuers,
    issuer: &Issuer,
    token: &Token,
    expected: &Expected<'_>,
) -> Result<Claims, IssuerFault> {
    let verified = verify_origin(issuers, issuer, token, expected.client_id).await?;
    let claims = &verified.claims;
    claims::judge_dates(claims, issuers.clock.now().unix())?;
    if claims::numeric_date(claims, "iat")?.is_none() {
        return Err(untrusted("the ID token does not say when it was issued"));
    }
    let nonce = claims.get("nonce").and_then(|nonce| nonce.as_str()).unwrap_or_default();
    if !same(nonce, expected.nonce) {
        return Err(untrusted("the ID token answers another request"));
    }
    judge_access_token(&verified, expected.access_token)?;
    claims::subject(claims)?;
    Ok(verified.claims)
}

/// The claims of an ID token that came with a refresh. It answers no request of a browser, so its nonce and its age are
/// of no account; whose it is must be beyond doubt. OpenID Connect Core 1.0 section 12.2.
///
/// # Errors
/// As [`verify`].
pub async fn verify_refreshed(
    issuers: &Issuers,
    issuer: &Issuer,
    token: &Token,
    client_id: &str,
    access_token: Option<&Token>,
) -> Result<Claims, IssuerFault> {
    let verified = verify_origin(issuers, issuer, token, client_id).await?;
    judge_access_token(&verified, access_token)?;
    claims::subject(&verified.claims)?;
    Ok(verified.claims)
}

/// That this issuer signed it, as an ID token, for this client.
async fn verify_origin(
    issuers: &Issuers,
    issuer: &Issuer,
    token: &Token,
    client_id: &str,
) -> Result<Verified, IssuerFault> {
    let Some(identifier) = issuer.identifier() else {
        return Err(untrusted("an issuer without identifier has no ID tokens that can be judged"));
    };
    let verified = jwt::verify(issuers, Publisher::Issuer(issuer), token.expose()).await?;
    // An access token (RFC 9068) is not an ID token, though the same key signed it.
    if verified.typ.as_deref().is_some_and(|typ| typ != "jwt") {
        return Err(untrusted("the token is of another type than an ID token"));
    }
    if verified.claims.get("iss").and_then(|iss| iss.as_str()) != Some(identifier) {
        return Err(untrusted("the ID token was issued by another issuer"));
    }
    judge_audience(&verified.claims, client_id)?;
    Ok(verified)
}

fn judge_access_token(verified: &Verified, access_token: Option<&Token>) -> Result<(), IssuerFault> {
    if let (Some(at_hash), Some(access_token)) = (verified.claims.get("at_hash"), access_token)
        && at_hash.as_str() != verified.half_hash(access_token.expose()).as_deref()
    {
        return Err(untrusted("the ID token belongs to another access token"));
    }
    Ok(())
}

fn judge_audience(claims: &Claims, client_id: &str) -> Result<(), IssuerFault> {
    let audiences = claims::audiences(claims);
    if !audiences.contains(&client_id) {
        return Err(untrusted("the ID token was issued to another client"));
    }
    let authorized_party = claims.get("azp");
    if audiences.len() > 1 && authorized_party.is_none() {
        return Err(untrusted("the ID token has several audiences and no authorized party"));
    }
    if authorized_party.is_some_and(|party| party.as_str() != Some(client_id)) {
        return Err(untrusted("the ID token's authorized party is another client"));
    }
    Ok(())
}
