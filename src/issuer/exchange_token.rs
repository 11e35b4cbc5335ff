//! Exchanges an access token at a token endpoint for one of another audience. RFC 8693 section 2. Sent once; what it brings is
//! read by [`super::token_answer`].

use std::collections::BTreeSet;

use reqwest::Method;
use url::Url;

use super::address;
use super::client::Client;
use super::fault::IssuerFault;
use super::http::Http;
use super::token_answer::read;
use super::token_set::TokenSet;
use crate::secret::Token;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// What is given and what for.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    pub subject_token: &'a Token,
    pub resource: Option<&'a Url>,
    pub audience: Option<&'a str>,
}

/// # Errors
/// By status and word, as [`super::token_answer`] has them.
pub async fn exchange_token(
    http: &Http,
    token_url: &Url,
    client: &Client,
    exchange: Exchange<'_>,
) -> Result<TokenSet, IssuerFault> {
    let mut form = vec![
        ("grant_type", GRANT_TYPE),
        ("subject_token", exchange.subject_token.expose()),
        ("subject_token_type", ACCESS_TOKEN),
        ("requested_token_type", ACCESS_TOKEN),
    ];
    form.extend(exchange.resource.map(|url| ("resource", url.as_str())));
    form.extend(exchange.audience.map(|audience| ("audience", audience)));
    let names: Vec<&str> = form.iter().map(|(name, _)| *name).chain(["client_id", "client_secret"]).collect();
    let request = http.request(Method::POST, &address::without(token_url, &names))?;
    let request = client.authenticate(request, &mut form);
    let answer = http.send(request.form(&form)).await?;
    let secrets = client.secrets(&[exchange.subject_token]);
    let secrets: Vec<&str> = secrets.iter().map(Token::expose).collect();
    read(&answer, &BTreeSet::new(), &secrets)
}
