//! Ends everything that a person allowed a client, by Auth0's Management API: for tenants whose revocation endpoint ends a
//! token only. Speaks the one API that knows grants; see [`super::revoke`] for RFC 7009.

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::address;
use super::authorization_server::Issuer;
use super::discovery::endpoints;
use super::fault::IssuerFault;
use super::http::Response;
use super::issuers::{Issuers, ManagementToken};
use super::revoke::Told;
use crate::secret::Token;

/// Seconds before its end at which a management token is not used any more.
const MARGIN: i64 = 60;
/// How long one is kept where the issuer does not say how long it lives.
const UNKNOWN_LIFE: i64 = 300;

/// A machine-to-machine client that may read and delete grants (`read:grants delete:grants`).
#[derive(Clone, Debug)]
pub struct Management {
    /// Of the API, with a slash at its end; also its audience.
    pub url: Url,
    pub client_id: String,
    pub client_secret: Token,
}

#[derive(Deserialize)]
struct Given {
    access_token: Token,
    expires_in: Option<i64>,
}

/// Deletes every grant of this person and client.
///
/// # Errors
/// [`IssuerFault::Unavailable`] when one may still be alive there; [`IssuerFault::InvalidClient`] when the management
/// client may not do this: the operator's to mend.
pub async fn delete(
    issuers: &Issuers,
    issuer: &Issuer,
    management: &Management,
    client_id: &str,
    subject: &str,
) -> Result<Told, IssuerFault> {
    let token = token(issuers, issuer, management).await?;
    let list = endpoint(management, |url| {
        url.query_pairs_mut().append_pair("user_id", subject).append_pair("client_id", client_id);
    })?;
    let request = issuers.http.request(Method::GET, &list)?.bearer_auth(token.expose());
    let answer = judged(issuers, issuer, issuers.http.send(request).await?)?;
    let grants: Vec<Value> = serde_json::from_slice(&answer.body).map_err(|_| {
        IssuerFault::Odd("the Management API did not answer with a list of grants".to_owned())
    })?;
    // A filter that the tenant ignored must not end other people's grants.
    let theirs = grants.iter().filter(|grant| grant["user_id"] == subject && grant["clientID"] == client_id);
    for id in theirs.filter_map(|grant| grant["id"].as_str()) {
        let one = endpoint(management, |url| {
            if let Ok(mut path) = url.path_segments_mut() {
                path.push(id);
            }
        })?;
        let request = issuers.http.request(Method::DELETE, &one)?.bearer_auth(token.expose());
        judged(issuers, issuer, issuers.http.send(request).await?)?;
    }
    Ok(Told::Confirmed)
}

async fn token(issuers: &Issuers, issuer: &Issuer, management: &Management) -> Result<Token, IssuerFault> {
    let now = issuers.clock.now();
    if let Some(held) = issuers.management_token(&issuer.key).filter(|held| held.until > now) {
        return Ok(held.token);
    }
    let endpoints = endpoints(issuers, issuer).await?;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &management.client_id),
        ("client_secret", management.client_secret.expose()),
        ("audience", management.url.as_str()),
    ];
    let url = address::without(&endpoints.token, &form.map(|(name, _)| name));
    let request = issuers.http.request(Method::POST, &url)?.form(&form);
    let answer = issuers.http.send(request).await?;
    match answer.status {
        200 => {}
        400 | 401 | 403 => return Err(refused("the issuer gives the management client no token")),
        status => {
            let sentence = format!("the token endpoint answered the management client with status {status}");
            return Err(IssuerFault::Unavailable(sentence, answer.retry_after));
        }
    }
    let given: Given = serde_json::from_slice(&answer.body)
        .map_err(|_| IssuerFault::Odd("the management client was given no token".to_owned()))?;
    let until = now.plus(given.expires_in.unwrap_or(UNKNOWN_LIFE) - MARGIN);
    issuers.hold_management_token(
        &issuer.key,
        Some(ManagementToken { token: given.access_token.clone(), until }),
    );
    Ok(given.access_token)
}

fn judged(issuers: &Issuers, issuer: &Issuer, answer: Response) -> Result<Response, IssuerFault> {
    match answer.status {
        200..=299 | 404 => Ok(answer),
        401 => {
            issuers.hold_management_token(&issuer.key, None);
            Err(IssuerFault::Unavailable("the Management API refuses its token".to_owned(), None))
        }
        403 => Err(refused("the management client lacks read:grants or delete:grants")),
        status => {
            let sentence = format!("the Management API answered with status {status}");
            Err(IssuerFault::Unavailable(sentence, answer.retry_after))
        }
    }
}

fn refused(why: &str) -> IssuerFault {
    IssuerFault::InvalidClient(why.to_owned())
}

fn endpoint(management: &Management, more: impl FnOnce(&mut Url)) -> Result<Url, IssuerFault> {
    let odd = |_| IssuerFault::Odd("the Management API has no usable address".to_owned());
    let mut url = management.url.join("grants").map_err(odd)?;
    more(&mut url);
    Ok(url)
}
