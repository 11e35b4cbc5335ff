//! A verifier as others write them: it keeps the key set for as long as it is told and asks no sooner, finds the key by `kid`,
//! and knows nothing but the members of its JWK.

use attache::clock::Timestamp;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::JsonWebKey;
use openidconnect::core::{CoreJsonWebKey, CoreJwsSigningAlgorithm};
use serde_json::{Map, Value};

use crate::world::{World, refused};

/// The algorithms by their names, each with an environment whose tokens are signed by it.
pub const ALGORITHMS: [(&str, &str); 3] =
    [("EdDSA", "signed/eddsa"), ("ES256", "signed/es256"), ("RS256", "signed/rs256")];

/// Lines of configuration that make an environment for an algorithm.
pub fn environment(algorithm: &str) -> String {
    let name = algorithm.to_lowercase();
    format!(
        "\n[environments.{name}]\nproject = \"signed\"\nenvironment = \"{name}\"\n\
         content_api_url = \"https://content.example/{name}\"\nalgorithm = \"{algorithm}\"\n\
         apps = [\"content-writer\"]\naccounts = \"any\"\n"
    )
}

/// And for all of them.
pub fn environments() -> String {
    ALGORITHMS.map(|(algorithm, _)| environment(algorithm)).concat()
}

/// An exchange at one server, for an environment.
pub async fn exchange(world: &World, url: &str, connection: &str, audience: &str) -> reqwest::Response {
    let (id, key) = world.caller().await;
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token_type", "urn:attache:params:oauth:token-type:connection"),
        ("subject_token", connection),
        ("audience", audience),
    ];
    let post = world.http.post(format!("{url}/oauth/token")).basic_auth(id, Some(key)).form(&form);
    post.send().await.expect("an answer")
}

/// What it gives.
pub async fn content_token(world: &World, url: &str, connection: &str, audience: &str) -> String {
    let answer = exchange(world, url, connection, audience).await;
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.expect("JSON");
    body["access_token"].as_str().expect("a token").to_owned()
}

/// It gives none, because the first key is to come; in how many seconds it does.
pub async fn key_to_come(world: &World, url: &str, connection: &str, audience: &str) -> i64 {
    let answer = exchange(world, url, connection, audience).await;
    let seconds = answer.headers()["retry-after"].to_str().expect("text").parse().expect("a number");
    let sentence = refused(answer, 503, "temporarily_unavailable").await;
    assert!(sentence.contains("key is published, and signs as soon as"), "{sentence}");
    seconds
}

/// Header and claims, as they stand there.
pub fn parts(token: &str) -> (Map<String, Value>, Map<String, Value>) {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64url"));
    let mut next = || serde_json::from_slice(&parts.next().expect("a part")).expect("JSON");
    (next(), next())
}

/// How long Hasura keeps a key set by its `Cache-Control`, in seconds: `no-cache` and `no-store` are asked for again every
/// second, as is `must-revalidate` without `max-age`, and without any of them it never asks again.
pub fn kept_for(cache_control: &str) -> Option<i64> {
    let words: Vec<&str> = cache_control.split(',').map(str::trim).collect();
    let seconds = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.parse::<i64>().ok());
    if words.contains(&"no-cache") || words.contains(&"no-store") {
        return Some(1);
    }
    match seconds("max-age=").or_else(|| seconds("s-maxage=")) {
        Some(seconds) => Some(seconds.max(1)),
        None => words.contains(&"must-revalidate").then_some(1),
    }
}

/// Whether another library than the one that signs takes the signature, by the JWK as it stands.
pub fn another_library_verifies(key: &Value, token: &str) -> bool {
    let algorithm = match key["alg"].as_str() {
        Some("EdDSA") => CoreJwsSigningAlgorithm::EdDsa,
        Some("ES256") => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        _ => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    };
    let key: CoreJsonWebKey = serde_json::from_value(key.clone()).expect("a JWK");
    let (message, signature) = token.rsplit_once('.').expect("a JWS");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    key.verify_signature(&algorithm, message.as_bytes(), &signature).is_ok()
}

#[derive(Default)]
pub struct Verifier {
    pub keys: Vec<Value>,
    until: Option<Timestamp>,
}

impl Verifier {
    /// Asks for the key set when what it has is too old, and then only. Whether it did.
    pub async fn look(&mut self, world: &World, url: &str) -> bool {
        let now = world.clock.now();
        if self.until.is_some_and(|until| now < until) {
            return false;
        }
        let answer = world.http.get(format!("{url}/.well-known/jwks.json")).send().await.expect("an answer");
        let told = answer.headers()["cache-control"].to_str().expect("text").to_owned();
        self.until = Some(now.plus(kept_for(&told).expect("a time to keep it for")));
        let set: Value = answer.json().await.expect("JSON");
        self.keys.clone_from(set["keys"].as_array().expect("keys"));
        true
    }

    /// The claims, by the keys that it has; else what is wrong.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Map<String, Value>, String> {
        let (header, claims) = parts(token);
        let key = self.keys.iter().find(|key| key["kid"] == header["kid"]);
        let key = key.ok_or_else(|| format!("no key {} among {:?}", header["kid"], self.keys))?;
        let number =
            |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap_or_default()).expect("base64url");
        let (message, signature) = token.rsplit_once('.').expect("a JWS");
        let (message, signature) =
            (message.as_bytes(), URL_SAFE_NO_PAD.decode(signature).expect("base64url"));
        let verified = match (header["alg"].as_str(), key["alg"].as_str(), key["kty"].as_str()) {
            (Some("EdDSA"), Some("EdDSA"), Some("OKP")) => {
                UnparsedPublicKey::new(&ED25519, number("x")).verify(message, &signature)
            }
            (Some("ES256"), Some("ES256"), Some("EC")) => {
                let point = [vec![4], number("x"), number("y")].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, &signature)
            }
            (Some("RS256"), Some("RS256"), Some("RSA")) => {
                RsaPublicKeyComponents { n: number("n"), e: number("e") }.verify(
                    &RSA_PKCS1_2048_8192_SHA256,
                    message,
                    &signature,
                )
            }
            other => return Err(format!("{other:?} do not go together")),
        };
        verified.map_err(|_| format!("the signature is not by {}", header["kid"]))?;
        let ends = claims["exp"].as_i64().expect("a number");
        if ends > now.unix() {
            Ok(claims)
        } else {
            Err(format!("it ended {} seconds ago", now.unix() - ends))
        }
    }
}

#[test]
fn how_long_a_key_set_is_kept_is_read_as_hasura_documents_it() {
    let read = [
        ("public, max-age=300, must-revalidate", Some(300)),
        ("max-age=0", Some(1)),
        ("s-maxage=60", Some(60)),
        ("must-revalidate", Some(1)),
        ("no-store, max-age=300", Some(1)),
        ("public", None),
    ];
    for (told, seconds) in read {
        assert_eq!(kept_for(told), seconds, "{told}");
    }
}
