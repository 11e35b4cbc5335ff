//! The claims of a person, by which an environment may choose its accounts. A sign-in says all of them; every other
//! verified ID token about the same person, a consent's or a refresh's, says some of them anew. What it does not say stays
//! as it was: another client asked for other claims, and silence takes nothing back. So each claim has an age of its own.

use serde_json::{Map, Value};

use super::person::Account;
use super::store;
use crate::Broker;
use crate::clock::Timestamp;
use crate::db;

/// Those that tell of the token and not of the person. RFC 7519 section 4.1, OpenID Connect Core 1.0 section 2.
const OF_THE_TOKEN: [&str; 14] = [
    "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "nonce", "azp", "at_hash", "c_hash", "s_hash", "sid",
    "typ",
];

/// Takes over what a verified ID token of `issuer` says, where it is about the person of this account. That it cannot be
/// written is logged and stops nobody: the next token says it again.
pub async fn follow(broker: &Broker, account_id: &str, issuer: &str, claims: &Map<String, Value>) {
    let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
    // Somebody else may change the claims at the same time; then they are read again.
    for _ in 0..3 {
        let followed = async {
            let Some(account) = store::by_id(&broker.db, account_id).await? else { return Ok(true) };
            if (account.issuer.as_str(), account.subject.as_str()) != (issuer, subject) {
                return Ok(true);
            }
            match account.saying(claims, broker.clock.now()) {
                Some(next) => store::follow(broker, &account, &next).await,
                None => Ok::<_, db::Error>(true),
            }
        };
        match followed.await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                return tracing::error!(account = account_id, %error, "claims could not be followed");
            }
        }
    }
    tracing::warn!(
        account = account_id,
        "claims changed again and again, and are followed with the next token"
    );
}

impl Account {
    /// With what a token of this moment says; None when it says nothing of the person.
    fn saying(&self, claims: &Map<String, Value>, now: Timestamp) -> Option<Self> {
        let of_the_person = claims.iter().filter(|(name, _)| !OF_THE_TOKEN.contains(&name.as_str()));
        let mut next = self.clone();
        let mut says_something = false;
        for (name, value) in of_the_person {
            next.claims.insert(name.clone(), value.clone());
            next.claims_at.insert(name.clone(), now.unix());
            says_something = true;
        }
        says_something.then_some(next)
    }

    /// When a claim was last said.
    #[must_use]
    pub fn said_at(&self, claim: &str) -> Timestamp {
        self.claims_at.get(claim).map_or(self.signed_in_at, |at| Timestamp::from_unix(*at))
    }
}
