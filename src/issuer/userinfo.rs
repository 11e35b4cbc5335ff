//! Asks the userinfo endpoint (OpenID Connect Core 1.0 section 5.3). Believes it only for the same subject.

use reqwest::Method;

use super::address;
use super::authorization_server::Issuer;
use super::claims::Claims;
use super::discovery::endpoints;
use super::fault::{IssuerFault, untrusted};
use super::issuers::Issuers;
use crate::secret::Token;

/// The claims about the person, or None when the issuer has no such endpoint.
///
/// # Errors
/// [`IssuerFault::Untrusted`] when the answer is about somebody else; [`IssuerFault::Unavailable`].
pub async fn userinfo(
    issuers: &Issuers,
    issuer: &Issuer,
    access_token: &Token,
    subject: &str,
) -> Result<Option<Claims>, IssuerFault> {
    let endpoints = endpoints(issuers, issuer).await?;
    let Some(url) = &endpoints.userinfo else { return Ok(None) };
    // RFC 6750 section 2: a token is shown in one way only.
    let url = address::without(url, &["access_token"]);
    let request = issuers.http.request(Method::GET, &url)?.bearer_auth(access_token.expose());
    let answer = issuers.http.send(request.header("accept", "application/json")).await?;
    if answer.status != 200 {
        let sentence = format!("userinfo answered with status {}", answer.status);
        return Err(IssuerFault::Unavailable(sentence, answer.retry_after));
    }
    let claims: Claims =
        serde_json::from_slice(&answer.body).map_err(|_| untrusted("the userinfo answer cannot be read"))?;
    if claims.get("sub").and_then(|sub| sub.as_str()) != Some(subject) {
        return Err(untrusted("the userinfo answer is about another subject"));
    }
    Ok(Some(claims))
}
