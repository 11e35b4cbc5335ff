//! Tells the issuer that a token is no longer wanted. RFC 7009.

use reqwest::Method;
use url::Url;

use super::address;
use super::authorization_server::Issuer;
use super::client::Client;
use super::fault::IssuerFault;
use super::http::{Http, Response};
use super::issuers::Issuers;
use super::revocation_endpoint::revocation_endpoint;
use super::token_answer::{Said, said};
use crate::secret::Token;

/// How the issuer took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// 200: it is dead there, or was not known.
    Confirmed,
    /// The issuer has no revocation endpoint, or none for what we hold.
    Unsupported,
    /// Not told, because another grant of the same person would end with it.
    Withheld,
    /// Told for so long without an answer that it will not be told any more.
    Unconfirmed,
}

/// What is revoked. RFC 7009 section 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    RefreshToken,
    AccessToken,
}

impl Kind {
    const fn hint(self) -> &'static str {
        match self {
            Self::RefreshToken => "refresh_token",
            Self::AccessToken => "access_token",
        }
    }
}

/// Ends a grant at its issuer by the first of its tokens; one of another kind follows only where the issuer does not revoke
/// the kind before it. The `oauth2` crate does this over https only and not for loopback, so the one form is written here.
///
/// # Errors
/// [`IssuerFault::Unavailable`] when it may still be alive there; [`IssuerFault::InvalidClient`].
pub async fn revoke(
    issuers: &Issuers,
    issuer: &Issuer,
    client: &Client,
    tokens: &[(Token, Kind)],
) -> Result<Told, IssuerFault> {
    let Some(url) = revocation_endpoint(issuers, issuer).await? else { return Ok(Told::Unsupported) };
    for (token, kind) in tokens {
        match judge(&ask(&issuers.http, &url, client, token, *kind).await?)? {
            Told::Unsupported => {}
            told => return Ok(told),
        }
    }
    Ok(Told::Unsupported)
}

/// What the issuer makes of one token.
fn judge(answer: &Response) -> Result<Told, IssuerFault> {
    match answer.status {
        200..=299 => Ok(Told::Confirmed),
        400..=499 if says(answer, UNSUPPORTED) => Ok(Told::Unsupported),
        // What it does not know is as revoked as it can be; RFC 7009 section 2.2 would have it say so with 200.
        400 if UNKNOWN.iter().any(|word| says(answer, word)) => Ok(Told::Confirmed),
        400 if says(answer, "invalid_client") => Err(refused_client()),
        401 => Err(refused_client()),
        status => {
            let sentence = format!("the revocation endpoint answered with status {status}");
            Err(IssuerFault::Unavailable(sentence, answer.retry_after))
        }
    }
}

/// The word of an issuer that does not revoke this kind of token. RFC 7009 section 2.2.1.
pub(super) const UNSUPPORTED: &str = "unsupported_token_type";

/// The request, sent once, and its answer whatever it is.
pub(super) async fn ask(
    http: &Http,
    url: &Url,
    client: &Client,
    token: &Token,
    kind: Kind,
) -> Result<Response, IssuerFault> {
    let mut form = vec![("token", token.expose()), ("token_type_hint", kind.hint())];
    let url = address::without(url, &["token", "token_type_hint", "client_id", "client_secret"]);
    let request = client.authenticate(http.request(Method::POST, &url)?, &mut form);
    http.send(request.form(&form)).await
}

/// The words of issuers for a token that they do not know.
const UNKNOWN: [&str; 2] = ["invalid_grant", "invalid_token"];

fn refused_client() -> IssuerFault {
    IssuerFault::InvalidClient("the revocation endpoint refuses the client".to_owned())
}

fn says(answer: &Response, word: &str) -> bool {
    said(answer) == Some(Said::Word(word.to_owned()))
}
