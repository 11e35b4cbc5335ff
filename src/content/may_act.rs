//! The claim `may_act` of RFC 8693 section 4.4: a subject token names who may act for its subject. It only takes away.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::secret::Token;

/// The claim's name, in a token and in an answer about one.
pub const MAY_ACT: &str = "may_act";

/// Claims that say nothing about who somebody is, and mean nothing there.
const NO_IDENTITY: [&str; 5] = ["aud", "exp", "iat", "jti", "nbf"];

/// What a token says, where it is a JWT. Believed without its signature, because it can only take away.
#[must_use]
pub fn said_by(token: &Token) -> Option<Value> {
    let payload = token.expose().split('.').nth(1)?;
    let claims: Map<String, Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    claims.get(MAY_ACT).cloned()
}

/// Whether the claim lets any of these callers act. Callers are known by our own issuer identifier. What we can't compare
/// names nobody.
#[must_use]
pub fn lets<'a>(claim: &Value, issuer: &str, callers: impl IntoIterator<Item = &'a str>) -> bool {
    let Some(members) = claim.as_object() else { return false };
    let known = |name: &str| ["iss", "sub", "client_id"].contains(&name) || NO_IDENTITY.contains(&name);
    if !members.keys().all(|name| known(name)) || members.get("iss").is_some_and(|iss| iss != issuer) {
        return false;
    }
    let named: Vec<&Value> = ["sub", "client_id"].iter().filter_map(|name| members.get(*name)).collect();
    !named.is_empty() && callers.into_iter().any(|caller| named.iter().all(|name| **name == caller))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::lets;

    #[test]
    fn only_whom_it_names_may_act() {
        let issuer = "https://attache.test";
        let table = [
            (json!({ "sub": "ca_1" }), true),
            (json!({ "client_id": "ca_1" }), true),
            (json!({ "sub": "ca_2" }), true),
            (json!({ "sub": "ca_1", "iss": issuer, "exp": 0, "aud": "x" }), true),
            (json!({ "sub": "ca_1", "client_id": "ca_1" }), true),
            (json!({ "sub": "ca_1", "client_id": "ca_2" }), false),
            (json!({ "sub": "ca_3" }), false),
            (json!({ "sub": "ca_1", "iss": "https://attache.test/" }), false),
            (json!({ "sub": "ca_1", "email": "one@example.com" }), false),
            (json!({ "sub": ["ca_1"] }), false),
            (json!({ "iss": issuer }), false),
            (json!({}), false),
            (json!([]), false),
            (json!("ca_1"), false),
            (json!(null), false),
        ];
        for (claim, may) in table {
            assert_eq!(lets(&claim, issuer, ["ca_1", "ca_2"]), may, "{claim}");
        }
        assert!(!lets(&json!({ "sub": "ca_1" }), issuer, []));
    }
}
