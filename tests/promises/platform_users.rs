//! A host platform that vouches for its own users: its keys, its words, and its backend, which brings them.

use std::sync::LazyLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Response;
use serde_json::{Value, json};

use crate::person::{Page, Person};
use crate::world::{APP, Database, Plan, World};

pub const ACME: &str = "https://app.acme.test";
pub const GLOBEX: &str = "globex";
/// A page of Acme's.
pub const BACK: &str = "https://app.acme.test/connected?tab=1";
const BACKEND: &str = "ca_acmebackend";

static KEY: LazyLock<Ed25519KeyPair> = LazyLock::new(|| Ed25519KeyPair::generate().expect("a key"));
static STRANGER: LazyLock<Ed25519KeyPair> = LazyLock::new(|| Ed25519KeyPair::generate().expect("a key"));

fn key_set(key: &Ed25519KeyPair) -> Value {
    let x = URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "one", "x": x }] })
}

/// Acme's public keys.
pub fn keys() -> Value {
    key_set(&KEY)
}

/// Acme, another platform of the same backend, and one whose word nobody may bring.
pub fn sections() -> String {
    format!(
        r#"
[platforms.acme]
name = "Acme"
issuer = "{ACME}"
jwks = '{}'
callers = ["{BACKEND}"]
return_origins = ["{ACME}"]
[platforms.{GLOBEX}]
name = "Globex"
issuer = "{GLOBEX}"
jwks = '{}'
callers = ["{BACKEND}"]
[platforms.initech]
name = "Initech"
issuer = "initech"
jwks = '{}'
"#,
        keys(),
        keys(),
        keys()
    )
}

/// A stage on which Acme is a platform, and the key of its backend.
pub async fn stage(database: Database) -> (World, String) {
    stage_with(database, Plan::default()).await
}

pub async fn stage_with(database: Database, plan: Plan) -> (World, String) {
    let pages = "\n[session_tokens]\nallowed_origins = [\"https://pages.example.com\"]\n";
    let more_config = format!("{pages}{}{}", sections(), plan.more_config);
    let world = World::planned(database, Plan { more_config, ..plan }).await;
    let key = backend(&world).await;
    (world, key)
}

/// The backend has the id that the configuration names.
pub async fn backend(world: &World) -> String {
    let insert =
        "INSERT INTO callers (id, name, status, source, created_at) VALUES ($1, 'acme', 'active', 'cli', 0)";
    world.change(sqlx::query(insert).bind(BACKEND)).await;
    let (id, key) = world.make_caller("acme", &[APP]).await;
    assert_eq!(id, BACKEND);
    key
}

/// What Acme says of Ada, now.
pub fn claims(world: &World, jti: &str) -> Value {
    let now = world.clock.now().unix();
    json!({
        "iss": ACME, "aud": world.public_url, "sub": "ada", "jti": jti, "iat": now, "exp": now + 60,
        "name": "Ada Example", "email": "ada@example.com",
    })
}

pub fn signed(claims: &Value) -> String {
    signed_as(&json!({ "alg": "EdDSA", "typ": "JWT", "kid": "one" }), claims)
}

pub fn signed_as(header: &Value, claims: &Value) -> String {
    compact(header, claims, &KEY)
}

/// With a key that is not Acme's.
pub fn signed_by_a_stranger(claims: &Value) -> String {
    compact(&json!({ "alg": "EdDSA", "kid": "one" }), claims, &STRANGER)
}

fn compact(header: &Value, claims: &Value, key: &Ed25519KeyPair) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).as_ref());
    format!("{message}.{signature}")
}

/// `POST /v1/connect-sessions`.
pub async fn ask(world: &World, key: &str, body: &Value) -> Response {
    let post = world.http.post(world.url("/v1/connect-sessions")).bearer_auth(key);
    post.json(body).send().await.expect("an answer")
}

/// Refused with this status and word; the sentence.
pub async fn refused(answer: Response, status: u16, word: &str) -> String {
    assert_eq!(answer.status(), status);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["error"], word, "{body}");
    body["message"].as_str().expect("a sentence").to_owned()
}

/// The path of a new link for Ada; `more` beside her word.
pub async fn link(world: &World, key: &str, jti: &str, more: Value) -> String {
    link_for(world, key, &claims(world, jti), more).await
}

pub async fn link_for(world: &World, key: &str, claims: &Value, more: Value) -> String {
    let mut body = more;
    body["user_token"] = json!(signed(claims));
    let answer = ask(world, key, &body).await;
    assert_eq!(answer.status(), 201);
    let made: Value = answer.json().await.expect("JSON");
    let url = made["url"].as_str().expect("a link");
    url.strip_prefix(&world.public_url).expect("an address of ours").to_owned()
}

/// Says yes or no on a link's page.
pub async fn answer(person: &Person<'_>, path: &str, answer: &str) -> Page {
    let page = person.get(path).await;
    assert_eq!(page.status, 200, "{}", page.text);
    person.post(path, &[("csrf", &page.csrf()), ("answer", answer)]).await
}

/// Ada in front of a browser, on Acme's word.
pub async fn ada<'w>(world: &'w World, key: &str, jti: &str) -> Person<'w> {
    let person = Person::new(world);
    let path = link(world, key, jti, json!({})).await;
    assert_eq!(answer(&person, &path, "continue").await.status, 303);
    person
}

pub fn any_identity() -> Plan {
    let any = ("kind = \"native\"", "kind = \"native\"\nidentity = \"any\"");
    Plan { replace: vec![any], ..Plan::default() }
}
