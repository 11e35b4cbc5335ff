//! Content tokens: what a minted one says, who can verify it, how long one is kept; and those that the content
//! platform gives itself.

use attache::sandbox::fault::Fault;
use attache::sandbox::platform::UserKind;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Response;
use rstest::rstest;
use serde_json::{Value, json};

use crate::elsewhere;
use crate::world::{APP, Database, EDITOR, LIFETIME, Plan, Postgres, Sqlite, World, refused};

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const CONNECTION: &str = "urn:attache:params:oauth:token-type:connection";

async fn body(answer: Response) -> Value {
    assert_eq!(answer.status(), 200);
    answer.json().await.expect("JSON")
}

async fn content_token(world: &World, subject_token: &str) -> String {
    let body = body(world.exchange(&[("subject_token", subject_token)]).await).await;
    body["access_token"].as_str().expect("a token").to_owned()
}

fn part(text: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON")
}

/// Header and claims, once the published key set has verified the signature.
async fn verified(world: &World, token: &str) -> (Value, Value) {
    let answer = world.http.get(world.url("/.well-known/jwks.json")).send().await.expect("an answer");
    let keys: Value = answer.json().await.expect("JSON");
    let (message, signature) = token.rsplit_once('.').expect("a JWS");
    let (header, claims) = message.split_once('.').expect("a JWS");
    let (header, claims) = (part(header), part(claims));
    let keys = keys["keys"].as_array().expect("keys");
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).expect("the key that signed");
    let public = URL_SAFE_NO_PAD.decode(key["x"].as_str().expect("x")).expect("base64url");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    UnparsedPublicKey::new(&ED25519, public)
        .verify(message.as_bytes(), &signature)
        .expect("a good signature");
    (header, claims)
}

/// What a token says where nothing bounds it.
pub fn everything(world: &World) -> Value {
    let actions = ["read", "create", "update", "delete", "publish", "unpublish"];
    json!([{ "type": "content", "locations": [world.content_api_url()], "actions": actions }])
}

fn members(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[rstest]
#[tokio::test]
async fn an_answer_has_the_members_of_rfc_8693_and_is_not_kept(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let answer = world.exchange(&[("subject_token", &token)]).await;
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
    assert_eq!(header("pragma").as_deref(), Some("no-cache"));
    let mut body = body(answer).await;
    assert!(body["access_token"].take().is_string());
    let expected = json!({
        "access_token": null,
        "issued_token_type": JWT,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "content:read content:write",
        "authorization_details": everything(&world),
    });
    assert_eq!(body, expected);
}

#[rstest]
#[tokio::test]
async fn a_minted_token_says_exactly_this_and_verifies_by_the_published_keys(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let (caller, _) = world.caller().await;
    let token = content_token(&world, &world.access_token(&connection).await).await;
    let (header, claims) = verified(&world, &token).await;
    assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!("at+jwt")));
    assert_eq!(members(&header), ["alg", "kid", "typ"]);
    let column = async |sql| world.column(sql, &connection).await.expect("a value");
    let now = world.clock.now().unix();
    let expected = json!({
        "iss": world.public_url,
        "aud": world.content_api_url(),
        "sub": column("SELECT account_id FROM connections WHERE id = $1").await,
        "client_id": caller,
        "app": APP,
        "connection": connection,
        "consent": 1,
        "act": { "sub": caller },
        "sub_id": { "format": "iss_sub", "iss": world.issuer.url(), "sub": EDITOR },
        "scope": "content:read content:write",
        "authorization_details": everything(&world),
        "iat": now,
        "exp": now + 300,
        "jti": claims["jti"],
    });
    assert_eq!(claims, expected);
    assert!(claims["jti"].as_str().is_some_and(|jti| jti.len() >= 20), "{claims}");
    assert!(claims["sub"].as_str().is_some_and(|sub| sub.starts_with("ac_")), "{claims}");
}

#[rstest]
#[tokio::test]
async fn the_platform_takes_a_minted_token_and_names_the_person(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let (caller, _) = world.caller().await;
    let token = content_token(&world, &world.access_token(&connection).await).await;
    let written = body(world.create_entry(&token).await).await;
    assert!(written.get("errors").is_none(), "{written}");
    let entries = world.platform.entries();
    let author = entries[0].created_by.as_ref().expect("an author");
    assert_eq!((author.id.as_str(), author.name.as_str()), (EDITOR, "Demo Editor"));
    assert_eq!((author.kind, author.actor.as_deref()), (UserKind::Member, Some(caller.as_str())));
    world.clock.advance(301);
    assert_eq!(world.create_entry(&token).await.status(), 401);
}

#[rstest]
#[tokio::test]
async fn a_lifetime_is_the_environments(#[values(Sqlite, Postgres)] database: Database) {
    let longer = ("strategy = \"mint\"", "strategy = \"mint\"\nlifetime_seconds = 900");
    let world = World::planned(database, Plan { replace: vec![longer], ..Plan::default() }).await;
    let connection = world.connection().await;
    let token = content_token(&world, &world.access_token(&connection).await).await;
    let (_, claims) = verified(&world, &token).await;
    assert_eq!(claims["exp"].as_i64().expect("exp") - claims["iat"].as_i64().expect("iat"), 900);
}

#[rstest]
#[tokio::test]
async fn the_same_token_is_given_again_until_shortly_before_its_end(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let subject = world.access_token(&connection).await;
    let first = content_token(&world, &subject).await;
    world.clock.advance(100);
    let again = body(world.exchange(&[("subject_token", &subject)]).await).await;
    assert_eq!(
        (again["access_token"].as_str(), again["expires_in"].as_i64()),
        (Some(first.as_str()), Some(200))
    );
    world.clock.advance(169);
    assert_eq!(content_token(&world, &subject).await, first);
    world.clock.advance(1);
    let second = content_token(&world, &subject).await;
    assert_ne!(second, first);
    assert_eq!(content_token(&world, &subject).await, second);
}

#[rstest]
#[tokio::test]
async fn a_kept_token_is_for_one_generation_one_caller_and_one_scope(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let subject = world.access_token(&connection).await;
    let first = content_token(&world, &subject).await;
    let (id, key) = world.make_caller("another_function", &[APP]).await;
    let request = world.exchange_as(&id, &key, &[("subject_token", &subject)]);
    let others = body(request.send().await.expect("an answer")).await;
    let others = others["access_token"].as_str().expect("a token");
    assert_ne!(others, first);
    assert_eq!(verified(&world, others).await.1["act"]["sub"], json!(id));
    let narrow = body(world.exchange(&[("subject_token", &subject), ("scope", "content:read")]).await).await;
    assert_ne!(narrow["access_token"], json!(first));
    assert_eq!(content_token(&world, &subject).await, first);
    let force = [("external_token_id", connection.as_str()), ("force_refresh", "true")];
    assert_eq!(world.slack("get", &force).await["ok"], true);
    let renewed = content_token(&world, &subject).await;
    assert_ne!(renewed, first);
}

#[rstest]
#[tokio::test]
async fn many_who_ask_at_once_all_get_a_token_that_works(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let subject = world.access_token(&connection).await;
    world.caller().await;
    let asked = (0..20).map(|_| content_token(&world, &subject));
    for token in crate::refresh::futures_join(asked).await {
        assert_eq!(verified(&world, &token).await.1["sub_id"]["sub"], json!(EDITOR));
    }
}

#[rstest]
#[tokio::test]
async fn replicas_publish_the_same_keys(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let replica = world.replica().await;
    let keys = async |url: &str| {
        let answer = world.http.get(format!("{url}/.well-known/jwks.json")).send().await.expect("an answer");
        let lifetime = answer.headers()["cache-control"].to_str().expect("text").to_owned();
        assert_eq!(lifetime, "public, max-age=300, must-revalidate");
        answer.json::<Value>().await.expect("JSON")
    };
    let published = keys(&world.public_url).await;
    assert_eq!(keys(&replica.url).await, published);
    let key = &published["keys"][0];
    // Nothing private, and nothing that a verifier could stumble over.
    assert_eq!(members(key), ["alg", "crv", "kid", "kty", "use", "x"]);
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));
}

#[rstest]
#[tokio::test]
async fn the_metadata_leads_to_the_endpoints(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let url = world.url("/.well-known/oauth-authorization-server");
    let metadata = body(world.http.get(url).send().await.expect("an answer")).await;
    assert_eq!(metadata["issuer"], world.public_url);
    assert_eq!(metadata["token_endpoint"], world.url("/oauth/token"));
    assert_eq!(metadata["jwks_uri"], world.url("/.well-known/jwks.json"));
    let grants = json!(["urn:ietf:params:oauth:grant-type:token-exchange", "client_credentials"]);
    assert_eq!(metadata["grant_types_supported"], grants);
    let methods = json!(["client_secret_basic", "client_secret_post"]);
    assert_eq!(metadata["token_endpoint_auth_methods_supported"], methods);
    assert_eq!(metadata["scopes_supported"], json!(["content:read", "content:write"]));
    assert!(metadata["response_types_supported"].is_array());
}

fn ask() -> Plan {
    let strategy = ("strategy = \"mint\"", "strategy = \"ask\"\nmanagement_api_url = \"{platform}graphql\"");
    Plan { replace: vec![strategy], ..Plan::default() }
}

#[rstest]
#[tokio::test]
async fn a_platform_that_gives_its_own_tokens_is_asked_once_and_its_token_kept(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, ask()).await;
    let connection = world.connection().await;
    let subject = world.access_token(&connection).await;
    let first = body(world.exchange(&[("subject_token", &subject)]).await).await;
    assert_eq!((&first["issued_token_type"], &first["expires_in"]), (&json!(ACCESS_TOKEN), &json!(300)));
    assert!(first.get("scope").is_none(), "{first}");
    let token = first["access_token"].as_str().expect("a token");
    world.clock.advance(200);
    assert_eq!(content_token(&world, &subject).await, token);
    assert_eq!(world.platform.asked(), 1);
    assert_eq!(body(world.create_entry(token).await).await.get("errors"), None);
    assert_eq!(world.platform.entries()[0].created_by.as_ref().expect("an author").id, EDITOR);
    world.clock.advance(71);
    assert_ne!(content_token(&world, &subject).await, token);
    assert_eq!(world.platform.asked(), 2);
}

#[rstest]
#[tokio::test]
async fn a_platform_is_asked_with_a_token_that_is_valid_now(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::planned(database, ask()).await;
    let connection = world.connection().await;
    world.caller().await;
    world.clock.advance(LIFETIME + 100);
    let by_id = [("subject_token", connection.as_str()), ("subject_token_type", CONNECTION)];
    let token = body(world.exchange(&by_id).await).await;
    assert_eq!(world.issuer.refreshes(), 1);
    assert_eq!(body(world.exchange(&by_id).await).await["access_token"], token["access_token"]);
    assert_eq!((world.issuer.refreshes(), world.platform.asked()), (1, 1));
}

#[rstest]
#[tokio::test]
async fn an_environment_that_cannot_narrow_says_so(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::planned(database, ask()).await;
    let connection = world.connection().await;
    let subject = world.access_token(&connection).await;
    let answer = world.exchange(&[("subject_token", &subject), ("scope", "content:read")]).await;
    let sentence = refused(answer, 400, "invalid_scope").await;
    assert!(sentence.contains("cannot be narrowed"), "{sentence}");
    assert_eq!(world.platform.asked(), 0);
}

#[rstest]
#[case::unavailable(Fault::Status { code: 503, body: String::new(), retry_after: Some(17) }, 17)]
#[case::broken(Fault::status(500), 5)]
#[case::web_page(Fault::Status { code: 200, body: "<html>".to_owned(), retry_after: None }, 5)]
#[case::cut(Fault::Drop, 5)]
#[case::hung(Fault::Hang, 5)]
#[tokio::test]
async fn a_platform_that_is_down_is_told_apart_from_a_bad_request(
    #[case] fault: Fault,
    #[case] seconds: i64,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, ask()).await;
    let connection = world.connection().await;
    let subject = world.access_token(&connection).await;
    world.platform.faults().management.next(fault);
    let answer = world.exchange(&[("subject_token", &subject)]).await;
    assert_eq!(answer.headers()["retry-after"], seconds.to_string().as_str());
    refused(answer, 503, "temporarily_unavailable").await;
    assert_eq!(world.status(&connection).await, "active");
    content_token(&world, &subject).await;
}

#[rstest]
#[case::unknown(json!({ "data": { "_viewer": { "project": null } }, "errors": [{ "message": "no" }] }))]
#[case::breaks_a_header(json!({ "data": { "_viewer": { "project": { "environment": { "authToken": "a\r\nb" } } } } }))]
#[tokio::test]
async fn a_platform_that_gives_no_usable_token_is_an_invalid_target(
    #[case] answer: Value,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, ask()).await;
    let connection = world.connection().await;
    let subject = elsewhere::tokens(&world, EDITOR).await.access;
    let fault = Fault::Status { code: 200, body: answer.to_string(), retry_after: None };
    world.platform.faults().management.next(fault);
    refused(world.exchange(&[("subject_token", &subject)]).await, 400, "invalid_target").await;
    assert_eq!(world.status(&connection).await, "active");
}
