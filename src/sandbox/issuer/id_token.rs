//! Makes ID tokens: right ones, and wrong ones to order.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::book::Grant;
use super::keys::SigningKey;
use super::{IdTokenFault, Issuer, weak_key};
use crate::sandbox::jwt::{self, Object, encode};
use crate::secret::random_text;

/// How long an ID token is valid; Auth0's ten hours.
const LIFETIME: i64 = 36_000;
/// An hour, by which times are wrong.
const HOUR: i64 = 3600;

/// An ID token for the grant, bound to the access token that goes with it.
pub(super) fn make(issuer: &Issuer, grant: &Grant, access_token: &str) -> String {
    let mut claims = claims(issuer, grant, access_token);
    let key = issuer.keys().current();
    let mut header = jwt::object(json!({ "alg": "RS256", "typ": "JWT", "kid": key.id }));
    let Some(fault) = issuer.faults().id_token.take() else {
        return jwt::compact(&header, &claims, |input| key.sign(input));
    };
    spoil(issuer, fault, &mut claims);
    match fault {
        IdTokenFault::AlgNone => {
            header = jwt::object(json!({ "alg": "none", "typ": "JWT" }));
            jwt::compact(&header, &claims, |_| Vec::new())
        }
        IdTokenFault::Hs256WithPublicKey => {
            header.insert("alg".to_owned(), json!("HS256"));
            let public = hmac::Key::new(hmac::HMAC_SHA256, key.modulus().as_bytes());
            jwt::compact(&header, &claims, |input| hmac::sign(&public, input).as_ref().to_vec())
        }
        IdTokenFault::UnknownKid => {
            header.insert("kid".to_owned(), json!("no-such-key"));
            jwt::compact(&header, &claims, |input| key.sign(input))
        }
        IdTokenFault::JkuHeader => {
            let stranger = SigningKey::stranger();
            header.insert("kid".to_owned(), json!(stranger.id));
            header.insert("jku".to_owned(), json!(issuer.endpoint("stranger/jwks.json")));
            header.insert("jwk".to_owned(), stranger.jwk());
            jwt::compact(&header, &claims, |input| stranger.sign(input))
        }
        IdTokenFault::AccessTokenType => {
            header.insert("typ".to_owned(), json!("at+jwt"));
            jwt::compact(&header, &claims, |input| key.sign(input))
        }
        IdTokenFault::CritHeader => {
            header.insert("crit".to_owned(), json!(["urn:sandbox:unknown"]));
            header.insert("urn:sandbox:unknown".to_owned(), json!(true));
            jwt::compact(&header, &claims, |input| key.sign(input))
        }
        IdTokenFault::WeakKey => {
            issuer.keys().publish_weak();
            header.insert("kid".to_owned(), json!(weak_key::KEY_ID));
            jwt::compact(&header, &claims, weak_key::sign)
        }
        IdTokenFault::BadSignature => jwt::compact(&header, &claims, |input| {
            let mut signature = key.sign(input);
            signature[100] ^= 1;
            signature
        }),
        _ => jwt::compact(&header, &claims, |input| key.sign(input)),
    }
}

fn claims(issuer: &Issuer, grant: &Grant, access_token: &str) -> Object {
    let now = issuer.now();
    let mut claims = person_claims(issuer, grant);
    claims.extend(jwt::object(json!({
        "iss": issuer.url(),
        "aud": grant.client,
        "iat": now,
        "exp": now.plus(LIFETIME),
        "auth_time": grant.signed_in_at,
        "at_hash": at_hash(access_token),
    })));
    if let Some(nonce) = &grant.nonce {
        claims.insert("nonce".to_owned(), json!(nonce));
    }
    claims
}

/// `sub` and what the scopes allow to be told about the person.
pub(super) fn person_claims(issuer: &Issuer, grant: &Grant) -> Object {
    let mut claims = jwt::object(json!({ "sub": grant.subject }));
    let settings = issuer.settings();
    let Some(person) = settings.person(&grant.subject) else { return claims };
    if grant.has("profile") {
        claims.insert("name".to_owned(), json!(person.name));
        let nickname = person.email.split('@').next().unwrap_or_default();
        claims.insert("nickname".to_owned(), json!(nickname));
        if let Some(picture) = &person.picture {
            claims.insert("picture".to_owned(), json!(picture));
        }
    }
    if grant.has("email") {
        claims.insert("email".to_owned(), json!(person.email));
        claims.insert("email_verified".to_owned(), json!(true));
    }
    claims
}

fn spoil(issuer: &Issuer, fault: IdTokenFault, claims: &mut Object) {
    let now = issuer.now();
    let changed: &[(&str, Value)] = &match fault {
        IdTokenFault::WrongIss => vec![("iss", json!("http://other-issuer.test/"))],
        IdTokenFault::IssWithoutSlash => vec![("iss", json!(issuer.url().trim_end_matches('/')))],
        IdTokenFault::WrongAud => vec![("aud", json!("another-client"))],
        IdTokenFault::ExtraAudWithoutAzp => vec![("aud", json!([claims["aud"], "another-client"]))],
        IdTokenFault::WrongAzp => vec![("azp", json!("another-client"))],
        IdTokenFault::Expired => vec![("iat", json!(now.plus(-2 * HOUR))), ("exp", json!(now.plus(-HOUR)))],
        IdTokenFault::FutureNbf => vec![("nbf", json!(now.plus(HOUR)))],
        IdTokenFault::FutureIat => {
            vec![("iat", json!(now.plus(24 * HOUR))), ("exp", json!(now.plus(25 * HOUR)))]
        }
        IdTokenFault::WrongNonce => vec![("nonce", json!(random_text::<16>()))],
        IdTokenFault::WrongAtHash => vec![("at_hash", json!(at_hash("another access token")))],
        IdTokenFault::EmptySub => vec![("sub", json!(""))],
        IdTokenFault::LongSub => vec![("sub", json!("s".repeat(300)))],
        IdTokenFault::NumericSub => vec![("sub", json!(42))],
        IdTokenFault::OtherSub => vec![("sub", json!("sandbox|somebody-else"))],
        IdTokenFault::ExpAsString => vec![("exp", json!(now.plus(LIFETIME).unix().to_string()))],
        _ => vec![],
    };
    for (name, value) in changed {
        claims.insert((*name).to_owned(), value.clone());
    }
    match fault {
        IdTokenFault::NoNonce => claims.remove("nonce"),
        IdTokenFault::NoAtHash => claims.remove("at_hash"),
        IdTokenFault::NoSub => claims.remove("sub"),
        _ => None,
    };
}

/// The left half of the access token's SHA-256.
fn at_hash(access_token: &str) -> String {
    encode(&digest(&SHA256, access_token.as_bytes()).as_ref()[..16])
}
