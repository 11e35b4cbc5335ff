//! What an issuer publishes about itself: OpenID Connect Discovery 1.0 section 4, completed by RFC 8414 section 3. The first
//! wins where both say something. Keeps nothing, and judges only whose metadata they are.

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::authorization_server::{INTROSPECTION_ENDPOINT, Issuer};
use super::fault::IssuerFault;
use super::issuers::Issuers;

/// Without one of these the second kind of metadata is asked for too.
const WANTED: [&str; 4] = ["authorization_endpoint", "token_endpoint", "revocation_endpoint", "jwks_uri"];

/// What was found, unjudged.
pub(super) struct Published {
    /// The URL that the identifier is.
    pub base: Url,
    pub document: Value,
    /// Why the second kind could not be seen, where the first lacks something: what is absent may be there all the same.
    pub unseen: Option<IssuerFault>,
}

/// # Errors
/// When neither kind of metadata can be had.
pub(super) async fn published(
    issuers: &Issuers,
    issuer: &Issuer,
    identifier: &str,
) -> Result<Published, IssuerFault> {
    let base = Url::parse(identifier).map_err(|_| IssuerFault::Odd("the issuer is no URL".to_owned()))?;
    let openid = issuers.http.get_json(&appended(&base, "/.well-known/openid-configuration")).await;
    let introspection = issuer.profile.introspection.then_some(&INTROSPECTION_ENDPOINT);
    let mut wanted = WANTED.iter().chain(introspection);
    if let Ok(document) = &openid
        && wanted.all(|name| issuer.said(name).is_some() || endpoint(document, name).is_some())
    {
        return Ok(Published { base, document: openid?, unseen: None });
    }
    let oauth = get(issuers, &inserted(&base, "/.well-known/oauth-authorization-server")).await;
    let mut document = match (openid, &oauth) {
        (Ok(document), _) => document,
        (Err(_), Ok(Some(oauth))) => oauth.clone(),
        (Err(fault), _) => return Err(fault),
    };
    let unseen = match oauth {
        Ok(Some(oauth)) => {
            complete(&mut document, oauth, identifier);
            None
        }
        Ok(None) => None,
        Err(fault) => Some(fault),
    };
    Ok(Published { base, document, unseen })
}

/// Adds what the document does not say, if the other is of the same issuer.
fn complete(document: &mut Value, other: Value, identifier: &str) {
    if other.get("issuer").and_then(Value::as_str) != Some(identifier) {
        return;
    }
    let (Value::Object(members), Value::Object(others)) = (document, other) else { return };
    for (name, value) in others {
        let member = members.entry(name).or_insert(Value::Null);
        if member.is_null() || member.as_str().is_some_and(|text| text.trim().is_empty()) {
            *member = value;
        }
    }
}

/// None where there is nothing of the kind.
pub(super) async fn get(issuers: &Issuers, place: &Url) -> Result<Option<Value>, IssuerFault> {
    let request = issuers.http.request(Method::GET, place)?.header("accept", "application/json");
    let answer = issuers.http.send(request).await?;
    match answer.status {
        200 => Ok(serde_json::from_slice(&answer.body).ok()),
        // It may be there at another time.
        status @ (408 | 429 | 500..) => {
            let sentence = format!("{} answered with status {status}", place.path());
            Err(IssuerFault::Unavailable(sentence, answer.retry_after))
        }
        _ => Ok(None),
    }
}

/// A member that is null, empty or no address is as if it was not there.
pub(super) fn endpoint(document: &Value, name: &str) -> Option<Url> {
    let url = Url::parse(document.get(name)?.as_str()?.trim()).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

pub(super) fn appended(base: &Url, suffix: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{suffix}", base.path().trim_end_matches('/')));
    url
}

pub(super) fn inserted(base: &Url, prefix: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{prefix}{}", base.path().trim_end_matches('/')));
    url
}

#[cfg(test)]
mod tests {
    use super::complete;
    use serde_json::json;

    #[test]
    fn the_first_metadata_win_and_the_second_count_only_of_the_same_issuer() {
        let first =
            json!({ "issuer": "i", "token_endpoint": "t1", "revocation_endpoint": null, "jwks_uri": " " });
        let second = |issuer: &str| json!({ "issuer": issuer, "token_endpoint": "t2", "revocation_endpoint": "r", "jwks_uri": "k" });
        let mut document = first.clone();
        complete(&mut document, second("i"), "i");
        assert_eq!(
            document,
            json!({ "issuer": "i", "token_endpoint": "t1", "revocation_endpoint": "r", "jwks_uri": "k" })
        );
        let mut document = first.clone();
        complete(&mut document, second("i/"), "i");
        assert_eq!(document, first);
    }
}
