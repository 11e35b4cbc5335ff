//! The keys that sign: each algorithm has its own line, published before it signs and for as long as anything that it signed
//! is good; what is not ours is nothing.

use std::collections::BTreeSet;

use attache::content::algorithm::Algorithm;
use attache::content::signing_key::rotate as signing_keys;
use attache::content::signing_key::{ACCESS_TOKEN, KEY_SET_LIFETIME, LEAD, TRAIL};
use attache::secret::Token;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rstest::rstest;
use serde_json::{Value, json};

use crate::verifier::{
    ALGORITHMS, Verifier, another_library_verifies, content_token, environment, environments, kept_for,
    key_to_come, parts,
};
use crate::world::{Database, Plan, Postgres, Sqlite, World};

async fn world_of_all(database: Database) -> World {
    World::planned(database, Plan { more_config: environments(), ..Plan::default() }).await
}

fn members(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// Claims that are good for a while, at any audience.
fn claims(world: &World) -> Value {
    let now = world.clock.now().unix();
    json!({ "sub": "ac_1", "iat": now, "exp": now + 60 })
}

#[rstest]
#[tokio::test]
async fn an_environment_has_its_tokens_signed_as_it_says(#[values(Sqlite, Postgres)] database: Database) {
    let world = world_of_all(database).await;
    let connection = world.connection().await;
    let mut verifier = Verifier::default();
    verifier.look(&world, &world.public_url).await;
    for (name, audience) in ALGORITHMS {
        let token = content_token(&world, &world.public_url, &connection, audience).await;
        let (header, claims) = parts(&token);
        assert_eq!(header.keys().collect::<Vec<_>>(), ["alg", "kid", "typ"]);
        assert_eq!((&header["alg"], &header["typ"]), (&json!(name), &json!("at+jwt")));
        assert_eq!(verifier.verify(&token, world.clock.now()).as_ref(), Ok(&claims));
        let key = verifier.keys.iter().find(|key| key["kid"] == header["kid"]).expect("the key");
        assert!(another_library_verifies(key, &token), "{name}");
        assert!(!another_library_verifies(key, &token.replacen('.', "A.", 1)), "{name}");
    }
}

#[rstest]
#[case::es256("strategy = \"mint\"\nalgorithm = \"ES256\"")]
#[case::rs256("strategy = \"mint\"\nalgorithm = \"RS256\"")]
#[tokio::test]
async fn the_platform_takes_tokens_of_every_algorithm(
    #[case] strategy: &'static str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let replace = vec![("strategy = \"mint\"", strategy)];
    let world = World::planned(database, Plan { replace, ..Plan::default() }).await;
    let connection = world.connection().await;
    let answer = world.exchange(&[("subject_token", &world.access_token(&connection).await)]).await;
    let body: Value = answer.json().await.expect("JSON");
    let written = world.create_entry(body["access_token"].as_str().expect("a token")).await;
    let written: Value = written.json().await.expect("JSON");
    assert!(written.get("errors").is_none(), "{written}");
    assert_eq!(world.platform.entries().len(), 1);
}

#[rstest]
#[tokio::test]
async fn the_key_set_holds_what_verifiers_need_and_nothing_that_they_could_stumble_over(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = world_of_all(database).await;
    signing_keys::rotate(&world.broker, None, false).await.expect("keys that follow");
    let mut verifier = Verifier::default();
    verifier.look(&world, &world.public_url).await;
    for key in &verifier.keys {
        let expected: &[&str] = match key["alg"].as_str() {
            Some("EdDSA") => &["alg", "crv", "kid", "kty", "use", "x"],
            Some("ES256") => &["alg", "crv", "kid", "kty", "use", "x", "y"],
            _ => &["alg", "e", "kid", "kty", "n", "use"],
        };
        assert_eq!(members(key), expected);
        assert_eq!(key["use"], "sig");
        let kind = (key["alg"].as_str(), key["kty"].as_str(), key["crv"].as_str());
        let kinds = [
            (Some("EdDSA"), Some("OKP"), Some("Ed25519")),
            (Some("ES256"), Some("EC"), Some("P-256")),
            (Some("RS256"), Some("RSA"), None),
        ];
        assert!(kinds.contains(&kind), "{kind:?}");
    }
    let kids: BTreeSet<&str> = verifier.keys.iter().filter_map(|key| key["kid"].as_str()).collect();
    assert_eq!(
        (verifier.keys.len(), kids.len()),
        (6, 6),
        "one that signs and one to come of each, each with its own id"
    );
}

/// Hasura, as its documents say: it reads the header to know when to ask again; it wants `alg` and `kid`; it compares `iss` and
/// `aud` as configured, and takes a token without them for anybody's.
#[rstest]
#[tokio::test]
async fn hasuras_documented_checks_pass(#[values(Sqlite, Postgres)] database: Database) {
    let world = world_of_all(database).await;
    let connection = world.connection().await;
    let answer = world.http.get(world.url("/.well-known/jwks.json")).send().await.expect("an answer");
    let told = answer.headers()["cache-control"].to_str().expect("text").to_owned();
    assert_eq!(told, "public, max-age=300, must-revalidate");
    assert_eq!(kept_for(&told), Some(KEY_SET_LIFETIME), "neither never again nor every second");
    assert_eq!(answer.headers()["content-type"], "application/json");
    let mut verifier = Verifier::default();
    verifier.look(&world, &world.public_url).await;
    for (name, audience) in ALGORITHMS {
        let token = content_token(&world, &world.public_url, &connection, audience).await;
        let (header, _) = parts(&token);
        assert!(header["kid"].is_string() && header["alg"] == name, "{header:?}");
        let claims = verifier.verify(&token, world.clock.now()).expect("a good token");
        assert_eq!(claims["iss"], world.public_url);
        let (_, environment) = audience.split_once('/').expect("a name");
        assert_eq!(claims["aud"], format!("https://content.example/{environment}"));
        assert!(claims["exp"].is_i64() && claims["iat"].is_i64());
    }
}

#[rstest]
#[tokio::test]
async fn the_first_key_of_an_algorithm_is_published_before_it_signs(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let mut verifier = Verifier::default();
    verifier.look(&world, &world.public_url).await;
    // One that is new here, and one that was signed otherwise before.
    let changed =
        world.config.replace("strategy = \"mint\"\n", "strategy = \"mint\"\nalgorithm = \"RS256\"\n");
    let later = world.process(&(changed + &environment("ES256"))).await;
    let demo = attache::sandbox::platform::Environment::demo();
    let demo = format!("{}/{}", demo.project, demo.environment);
    assert_eq!(key_to_come(&world, &later.url, &connection, "signed/es256").await, LEAD);
    let before = content_token(&world, &later.url, &connection, &demo).await;
    assert_eq!(parts(&before).0["alg"], "EdDSA", "as it was signed before");
    assert!(verifier.verify(&before, world.clock.now()).is_ok(), "by the key set of before");
    let mut late = Verifier::default();
    assert!(late.look(&world, &later.url).await);
    assert_eq!(late.keys.len(), 3, "all are published");
    world.clock.advance(LEAD - 1);
    assert_eq!(key_to_come(&world, &later.url, &connection, "signed/es256").await, 1);
    world.clock.advance(1);
    assert!(verifier.look(&world, &later.url).await, "whoever looked before then looks again now");
    for (audience, name) in [("signed/es256", "ES256"), (demo.as_str(), "RS256")] {
        let token = content_token(&world, &later.url, &connection, audience).await;
        assert_eq!(parts(&token).0["alg"], name);
        assert!(verifier.verify(&token, world.clock.now()).is_ok());
    }
}

#[rstest]
#[tokio::test]
async fn what_is_verified_is_ours_and_its_time_is_now(#[values(Sqlite, Postgres)] database: Database) {
    let world = world_of_all(database).await;
    let keys = &world.broker.signing_keys;
    let verified = |token: &str| keys.verify(&Token::new(token));
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for algorithm in Algorithm::ALL {
        let token = keys.sign(algorithm, ACCESS_TOKEN, &claims(&world)).expect("a token");
        let token = token.expose();
        let good = verified(token).expect("a token of ours");
        assert_eq!((good.typ.as_str(), Value::Object(good.claims)), ("at+jwt", claims(&world)));
        let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
            panic!("{token}")
        };
        let kid = parts(token).0["kid"].clone();
        let named = |alg: &str| part(&json!({ "alg": alg, "typ": "at+jwt", "kid": kid }));
        let (altered, more) =
            (part(&json!({ "sub": "ac_2", "exp": i64::MAX })), part(&json!({ "kid": "x" })));
        let other = Algorithm::ALL.into_iter().find(|other| *other != algorithm).expect("another");
        let crit = part(&json!({ "alg": algorithm, "typ": "at+jwt", "kid": kid, "crit": ["exp"] }));
        for bad in [
            String::new(),
            "..".to_owned(),
            payload.to_owned(),
            format!("{header}.{payload}"),
            format!("{header}.{payload}."),
            format!("{header}.{altered}.{signature}"),
            format!("{more}.{payload}.{signature}"),
            format!("{}.{payload}.{signature}", named("none")),
            format!("{}.{payload}.", named("none")),
            format!("{}.{payload}.{signature}", named("HS256")),
            format!("{}.{payload}.{signature}", named(other.into())),
            format!("{crit}.{payload}.{signature}"),
            format!("{token}="),
            format!("{token}.{signature}"),
            format!("{header}.{payload}.{}", "A".repeat(20_000)),
        ] {
            assert!(verified(&bad).is_none(), "{algorithm}: {bad}");
        }
        // Not one letter of it may be another.
        for at in 0..token.len() {
            let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
            let bad = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            assert!(verified(&bad).is_none(), "{algorithm}: {bad}");
        }
        let now = world.clock.now().unix();
        for untimely in [
            json!({ "exp": now }),
            json!({ "exp": now - 1 }),
            json!({ "exp": "soon" }),
            json!({}),
            json!({ "exp": now + 9, "nbf": now + 1 }),
            json!({ "exp": now + 9, "nbf": "now" }),
        ] {
            let token = keys.sign(algorithm, "JWT", &untimely).expect("a token");
            assert!(keys.verify(&token).is_none(), "{untimely}");
        }
        let token = keys.sign(algorithm, "JWT", &json!({ "exp": now + 1, "nbf": now })).expect("a token");
        assert_eq!(keys.verify(&token).expect("a token of ours").typ, "JWT");
    }
    // Another house's key is nobody's here.
    let elsewhere = World::new(Sqlite).await;
    let token = elsewhere.broker.signing_keys.sign(Algorithm::EdDsa, ACCESS_TOKEN, &claims(&world));
    assert!(keys.verify(&token.expect("a token")).is_none());
}

#[rstest]
#[tokio::test]
async fn a_key_verifies_here_for_as_long_as_it_is_published(#[values(Sqlite, Postgres)] database: Database) {
    let world = world_of_all(database).await;
    let keys = &world.broker.signing_keys;
    let lasting =
        |algorithm| keys.sign(algorithm, ACCESS_TOKEN, &json!({ "exp": i64::MAX })).expect("a token");
    let old = Algorithm::ALL.map(lasting);
    let following = signing_keys::rotate(&world.broker, None, false).await.expect("keys that follow");
    assert_eq!(following.iter().map(|key| key.algorithm).collect::<Vec<_>>(), Algorithm::ALL);
    world.clock.advance(LEAD + TRAIL - 1);
    assert!(old.iter().all(|token| keys.verify(token).is_some()));
    world.clock.advance(1);
    signing_keys::sweep(&world.broker).await.expect("a sweep");
    assert!(old.iter().all(|token| keys.verify(token).is_none()));
    assert_eq!(world.rows("signing_keys").await, 3);
    assert!(Algorithm::ALL.map(lasting).iter().all(|token| keys.verify(token).is_some()));
}
