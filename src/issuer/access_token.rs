//! Judges an access token that is a JWT of the issuer (RFC 9068, and Auth0's older form with `azp`).

use std::sync::Arc;

use super::authorization_server::Issuer;
use super::claims::{self, Claims};
use super::fault::{IssuerFault, untrusted};
use super::fetch_keys::Publisher;
use super::issuers::Issuers;
use super::jwt;
use super::verified_before::{AccessTokenClaims, VerifiedBefore};
use crate::clock::Timestamp;
use crate::secret::Token;

/// As [`verify`], which is not done again for a token that was verified a short while ago and has not run out.
///
/// # Errors
/// As [`verify`].
pub async fn verify_once(
    issuers: &Issuers,
    issuer: &Issuer,
    token: &Token,
    client_id: &str,
) -> Result<Arc<AccessTokenClaims>, IssuerFault> {
    let key = format!("{} {} {client_id}", token.hash().as_str(), issuer.external_name());
    let now = issuers.clock.now();
    if let Some(before) = issuers.verified.find(&key).filter(|before| before.until > now) {
        return Ok(Arc::clone(&before.claims));
    }
    issuers.verified.forget(&key);
    let load = async || {
        let claims = verify(issuers, issuer, token.expose(), client_id).await?;
        Ok::<_, IssuerFault>(Some(VerifiedBefore::new(token, claims, now)))
    };
    let verified = issuers.verified.get(&key, load).await?;
    verified
        .map(|verified| Arc::clone(&verified.claims))
        .ok_or_else(|| untrusted("the token was not verified"))
}

/// Verifies that the issuer gave this token to `client_id`. Which audiences are good is the caller's to say.
///
/// # Errors
/// [`IssuerFault::Untrusted`] with the reason; [`IssuerFault::Unavailable`] when no keys can be had.
pub async fn verify(
    issuers: &Issuers,
    issuer: &Issuer,
    token: &str,
    client_id: &str,
) -> Result<AccessTokenClaims, IssuerFault> {
    let identifier = issuer.identifier().ok_or_else(|| untrusted("the issuer has no identifier"))?;
    let verified = jwt::verify(issuers, Publisher::Issuer(issuer), token).await?;
    let claims = verified.claims;
    if claims.get("iss").and_then(|iss| iss.as_str()) != Some(identifier) {
        return Err(untrusted("the token was issued by another issuer"));
    }
    let expires = claims::judge_dates(&claims, issuers.clock.now().unix())?;
    let issued_at = claims::numeric_date(&claims, "iat")?.map(Timestamp::from_unix);
    // Other kinds of token are signed with the same keys. RFC 8725 section 3.11.
    if !matches!(verified.media_type.as_deref(), None | Some("jwt" | "at+jwt" | "application/at+jwt")) {
        return Err(untrusted("the token is of another type than an access token"));
    }
    if looks_like_an_id_token(&claims, verified.typ.as_deref()) {
        return Err(untrusted("an ID token is not an access token"));
    }
    let party = |name: &str| claims.get(name).and_then(|party| party.as_str());
    let parties: Vec<&str> = ["azp", "client_id"].into_iter().filter_map(party).collect();
    if parties.is_empty() || parties.iter().any(|party| *party != client_id) {
        return Err(untrusted("the token was issued to another client"));
    }
    let subject = claims::subject(&claims)?.to_owned();
    Ok(AccessTokenClaims { claims, subject, issued_at, expires_at: Timestamp::from_unix(expires) })
}

/// RFC 9068 names access tokens by `typ`; without that, the claims that only ID tokens carry tell.
fn looks_like_an_id_token(claims: &Claims, typ: Option<&str>) -> bool {
    typ != Some("at+jwt") && (claims.contains_key("nonce") || claims.contains_key("at_hash"))
}
