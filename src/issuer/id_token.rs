//! Judges an ID token (OpenID Connect Core 1.0 section 3.1.3.7), stricter than the crates do: `azp`, `nbf`,
//! `iat` and `at_hash` are judged too, and dates must be numbers.

use super::jwt::{self, Claims, untrusted};
use super::{Issuer, IssuerFault, Issuers};
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
    let Some(identifier) = issuer.identifier() else {
        return Err(untrusted("an issuer without identifier has no ID tokens that can be judged"));
    };
    let verified = jwt::verify(issuers, issuer, token.expose()).await?;
    // An access token (RFC 9068) is not an ID token, though the same key signed it.
    if verified.typ.as_deref().is_some_and(|typ| typ != "jwt") {
        return Err(untrusted("the token is of another type than an ID token"));
    }
    let claims = &verified.claims;
    if claims.get("iss").and_then(|iss| iss.as_str()) != Some(identifier) {
        return Err(untrusted("the ID token was issued by another issuer"));
    }
    judge_audience(claims, expected.client_id)?;
    jwt::judge_dates(claims, issuers.clock.now().unix())?;
    if jwt::numeric_date(claims, "iat")?.is_none() {
        return Err(untrusted("the ID token does not say when it was issued"));
    }
    let nonce = claims.get("nonce").and_then(|nonce| nonce.as_str()).unwrap_or_default();
    if !same(nonce, expected.nonce) {
        return Err(untrusted("the ID token answers another request"));
    }
    if let (Some(at_hash), Some(access_token)) = (claims.get("at_hash"), expected.access_token)
        && at_hash.as_str() != verified.half_hash(access_token.expose()).as_deref()
    {
        return Err(untrusted("the ID token belongs to another access token"));
    }
    jwt::subject(claims)?;
    Ok(verified.claims)
}

fn judge_audience(claims: &Claims, client_id: &str) -> Result<(), IssuerFault> {
    let audiences = jwt::audiences(claims);
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
