//! Asks who consented at an issuer without ID tokens: the identity endpoint of a Slack manifest's
//! `identity_config`, read by its `account_identifier`.

use std::collections::{BTreeMap, HashMap};

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use serde_json_path::{JsonPath, NormalizedPath, PathElement};
use url::Url;

use super::fault::IssuerFault;
use super::http::Http;
use super::{address, redact};
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
    /// A userinfo endpoint (OpenID Connect Core 1.0 section 5.3), which names people by `sub`.
    #[must_use]
    pub fn of_userinfo(url: Url) -> Self {
        Self {
            url,
            account_identifier: "$.sub".to_owned(),
            headers: BTreeMap::new(),
            http_method_type: HttpMethod::Get,
            body: None,
        }
    }

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
    http: &Http,
    config: &IdentityConfig,
    access_token: &Token,
) -> Result<String, IssuerFault> {
    let method = match config.http_method_type {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
    };
    // RFC 6750 section 2: a token is shown in one way only.
    let url = address::without(&config.url, &["access_token"]);
    let mut request = http.request(method, &url)?.bearer_auth(access_token.expose());
    for (name, value) in &config.headers {
        if !name.eq_ignore_ascii_case("authorization") {
            request = request.header(name, value);
        }
    }
    if let (HttpMethod::Post, Some(body)) = (config.http_method_type, &config.body) {
        request = request.json(body);
    }
    let answer = http.send(request).await?;
    if !(200..300).contains(&answer.status) {
        let sentence = format!("the identity endpoint answered with status {}", answer.status);
        return Err(IssuerFault::Unavailable(sentence, answer.retry_after));
    }
    let identity = select(&answer.body, &config.account_identifier)?;
    // It is shown and stored as it is. Some tokens begin with whose they are, which is no secret.
    let token = access_token.expose();
    if identity.len() > token.len() / 2 && redact::holds(&identity, &[token]) {
        return Err(IssuerFault::Odd("the identity endpoint names the token that it was sent".to_owned()));
    }
    Ok(identity)
}

fn select(body: &[u8], account_identifier: &str) -> Result<String, IssuerFault> {
    let document: Value = serde_json::from_slice(body)
        .map_err(|_| IssuerFault::Odd("the identity endpoint did not answer with JSON".to_owned()))?;
    let path = JsonPath::parse(account_identifier)
        .map_err(|_| IssuerFault::Odd("account_identifier is no JSONPath".to_owned()))?;
    let found = match path.query_located(&document).at_most_one() {
        Ok(Some(found)) => match found.node() {
            Value::String(text) => text.clone(),
            Value::Number(_) => as_written(body, found.location()).unwrap_or_default(),
            _ => String::new(),
        },
        _ => String::new(),
    };
    if found.is_empty() || found.chars().count() > 255 || found.contains(char::is_control) {
        return Err(IssuerFault::Odd(format!(
            "the identity endpoint's answer has no text at {account_identifier}"
        )));
    }
    Ok(found)
}

/// A number of the document, digit by digit: in a `Value` two great ones can be the same.
fn as_written(body: &[u8], location: &NormalizedPath<'_>) -> Option<String> {
    let mut at: &RawValue = serde_json::from_slice(body).ok()?;
    for element in location.iter() {
        at = match element {
            PathElement::Name(name) => {
                serde_json::from_str::<HashMap<String, &RawValue>>(at.get()).ok()?.remove(*name)?
            }
            PathElement::Index(index) => {
                *serde_json::from_str::<Vec<&RawValue>>(at.get()).ok()?.get(*index)?
            }
        };
    }
    Some(at.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::select;

    #[test]
    fn a_number_is_compared_as_it_is_written() {
        for written in [
            "7",
            "9007199254740993",
            "18446744073709551617",
            "-0",
            "1.0",
            "1e3",
            "12345678901234567890123456789",
        ] {
            let body =
                format!(r#"{{"id": 1, "data": [null, {{"a\u0062c": 2, "id": 3, "id": {written} }}]}}"#);
            assert_eq!(select(body.as_bytes(), "$.data[-1].id").expect("an identity"), written);
            assert_eq!(select(body.as_bytes(), "$.data[1].abc").expect("an identity"), "2");
        }
        for unusable in ["true", "null", "[1]", "1e999", "01"] {
            select(format!(r#"{{"id": {unusable}}}"#).as_bytes(), "$.id").expect_err(unusable);
        }
    }
}
