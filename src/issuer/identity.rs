//! Asks who consented at an issuer without ID tokens: the identity endpoint of a Slack manifest's
//! `identity_config`, read by its `account_identifier`.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json_path::JsonPath;
use url::Url;

use super::{IssuerFault, Issuers};
use crate::secret::Token;

/// As it stands in a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    pub url: Url,
    /// A `JSONPath` (RFC 9535) such as `$.sub` or `$.data.viewer.email`.
    pub account_identifier: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub http_method_type: HttpMethod,
    /// Static; sent as JSON, with POST only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Map<String, Value>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    #[default]
    Get,
    Post,
}

impl IdentityConfig {
    /// Whether `account_identifier` is a path at all.
    #[must_use]
    pub fn can_be_read(&self) -> bool {
        JsonPath::parse(&self.account_identifier).is_ok()
    }
}

/// The identity of the person who consented, as the endpoint names them; 1 to 255 characters.
///
/// # Errors
/// [`IssuerFault::Odd`] when the answer does not hold one; [`IssuerFault::Unavailable`].
pub async fn identify(
    issuers: &Issuers,
    config: &IdentityConfig,
    access_token: &Token,
) -> Result<String, IssuerFault> {
    let method = match config.http_method_type {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
    };
    let mut request = issuers.http.request(method, &config.url)?.bearer_auth(access_token.expose());
    for (name, value) in &config.headers {
        if !name.eq_ignore_ascii_case("authorization") {
            request = request.header(name, value);
        }
    }
    if let (HttpMethod::Post, Some(body)) = (config.http_method_type, &config.body) {
        request = request.json(body);
    }
    let answer = issuers.http.send(request).await?;
    if !(200..300).contains(&answer.status) {
        let sentence = format!("the identity endpoint answered with status {}", answer.status);
        return Err(IssuerFault::Unavailable(sentence, answer.retry_after));
    }
    let document: Value = serde_json::from_slice(&answer.body)
        .map_err(|_| IssuerFault::Odd("the identity endpoint did not answer with JSON".to_owned()))?;
    select(&document, &config.account_identifier)
}

fn select(document: &Value, account_identifier: &str) -> Result<String, IssuerFault> {
    let path = JsonPath::parse(account_identifier)
        .map_err(|_| IssuerFault::Odd("account_identifier is no JSONPath".to_owned()))?;
    let found = match path.query(document).at_most_one() {
        Ok(Some(Value::String(text))) => text.clone(),
        Ok(Some(Value::Number(number))) => number.to_string(),
        _ => String::new(),
    };
    if found.is_empty() || found.chars().count() > 255 || found.contains(char::is_control) {
        return Err(IssuerFault::Odd(format!(
            "the identity endpoint's answer has no text at {account_identifier}"
        )));
    }
    Ok(found)
}
