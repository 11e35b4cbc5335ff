//! The sign-in issuer's metadata: down, lying, or old. No boot depends on it and no code goes where it points.

use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::DiscoveryShape;
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};

use crate::person::Person;
use crate::world::{Database, EDITOR, Postgres, Sqlite, World};

async fn ready(world: &World, machine_room: &str) -> (StatusCode, Value) {
    let answer = world.http.get(format!("{machine_room}/readyz")).send().await.expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}

#[rstest]
#[tokio::test]
async fn a_server_starts_while_its_issuer_is_down(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    world.issuer.stop();
    let booted = world.replica().await;
    let (status, readiness) = ready(&world, &booted.machine_room).await;
    assert_eq!((status, &readiness["status"]), (StatusCode::OK, &json!("degraded")));
    assert!(readiness["issuers"]["sandbox"].is_string(), "{readiness}");
    let person = Person::new(&world);
    assert_eq!(person.get(&format!("{}/", booted.url)).await.status, 200);
    let page = person.get(&format!("{}/sign-in", booted.url)).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    let wait: i64 = page.headers["retry-after"].to_str().expect("a text").parse().expect("seconds");
    assert!((1..=3600).contains(&wait));
    assert!(page.headers["content-type"].to_str().expect("a text").starts_with("text/html"));
    assert!(page.says("Sandbox") && page.says("href=\"/\"") && page.says("not yours"), "{}", page.text);
    assert_eq!(world.rows("used_sign_ins").await, 0);
}

#[rstest]
#[tokio::test]
async fn an_issuer_that_hangs_is_named_quickly(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    world.issuer.faults().discovery.always(Fault::Hang);
    let started = std::time::Instant::now();
    let (status, readiness) = ready(&world, &world.machine_room).await;
    assert_eq!((status, &readiness["status"]), (StatusCode::OK, &json!("degraded")));
    assert!(started.elapsed().as_secs() < 5);
    assert!(readiness["issuers"]["sandbox"].is_string(), "{readiness}");
}

#[tokio::test]
async fn an_issuer_that_comes_up_later_serves() {
    let world = World::new(Sqlite).await;
    world.issuer.faults().discovery.always(Fault::status(503));
    let person = Person::new(&world);
    assert_eq!(person.get("/sign-in").await.status, 503);
    world.issuer.faults().discovery.clear();
    // It is left alone for a moment.
    world.clock.advance(3);
    person.sign_in(EDITOR).await;
    assert_eq!(ready(&world, &world.machine_room).await.1["status"], "ready");
}

#[rstest]
#[case::another_issuer(DiscoveryShape::WrongIssuer)]
#[case::foreign_authorization(DiscoveryShape::With("authorization_endpoint", json!("https://evil.test/authorize")))]
#[case::foreign_keys(DiscoveryShape::With("jwks_uri", json!("https://evil.test/jwks.json")))]
#[case::foreign_userinfo(DiscoveryShape::With("userinfo_endpoint", json!("https://evil.test/me")))]
#[case::no_url(DiscoveryShape::With("token_endpoint", json!("javascript:alert(1)")))]
#[case::no_token_endpoint(DiscoveryShape::Without("token_endpoint"))]
#[case::no_issuer(DiscoveryShape::Without("issuer"))]
#[case::number(DiscoveryShape::With("issuer", json!(42)))]
#[tokio::test]
async fn metadata_that_lies_is_refused(#[case] shape: DiscoveryShape) {
    let world = World::new(Sqlite).await;
    world.issuer.faults().discovery_shape.always(shape);
    let person = Person::new(&world);
    let page = person.get("/sign-in").await;
    assert!(page.status == 400 || page.status == 503, "{}", page.status);
    assert!(page.location().is_none() && page.says("href=\""), "{}", page.text);
    assert_eq!(world.rows("used_sign_ins").await, 0);
    assert_eq!(ready(&world, &world.machine_room).await.1["status"], "degraded");
}

#[rstest]
#[tokio::test]
async fn no_code_is_ever_sent_to_a_foreign_token_endpoint(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let stranger = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let origin = format!("http://{}", stranger.local_addr().expect("an address"));
    let person = Person::new(&world);
    let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    // The process that gets the answer is another one, and reads the metadata only now.
    world
        .issuer
        .faults()
        .discovery_shape
        .always(DiscoveryShape::ForeignTokenEndpoint(format!("{origin}/oauth/token")));
    // It may be spoken to, for another's sake: what is judged is whose metadata names it.
    let allowed = format!("allow_origins = [\"{origin}\", ");
    let replica = world.process(&world.config.replace("allow_origins = [", &allowed)).await;
    let there = callback.as_str().replace(&world.public_url, &replica.url);
    let page = person.get(&there).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.text);
    assert!(!page.says("s3cret"));
    let came = tokio::time::timeout(std::time::Duration::ZERO, stranger.accept()).await;
    assert!(came.is_err(), "somebody went to the foreign endpoint");
    assert_eq!((world.rows("accounts").await, world.issuer.exchanges()), (0, 0));
}

#[rstest]
#[tokio::test]
async fn the_last_good_metadata_serves_when_it_cannot_be_had_again(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(false, true)] it_lies: bool,
) {
    let world = World::new(database).await;
    world.signed_in(EDITOR).await;
    world.clock.advance(3601);
    if it_lies {
        world.issuer.faults().discovery_shape.always(DiscoveryShape::WrongIssuer);
    } else {
        world.issuer.faults().discovery.always(Fault::status(500));
    }
    world.signed_in(EDITOR).await;
    assert_eq!(world.issuer.exchanges(), 2);
    let (status, readiness) = ready(&world, &world.machine_room).await;
    assert_eq!((status, &readiness["status"]), (StatusCode::OK, &json!("degraded")));
    world.issuer.faults().discovery_shape.clear();
    world.issuer.faults().discovery.clear();
    world.clock.advance(31);
    world.signed_in(EDITOR).await;
    assert_eq!(ready(&world, &world.machine_room).await.1["status"], "ready");
}

#[rstest]
#[tokio::test]
async fn kept_keys_serve_when_the_key_set_cannot_be_had_again(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    world.signed_in(EDITOR).await;
    world.clock.advance(3601);
    world.issuer.faults().jwks.always(Fault::status(500));
    world.signed_in(EDITOR).await;
}

#[rstest]
#[tokio::test]
async fn an_optional_member_that_cannot_be_used_is_absent_and_the_rest_serves(
    #[values(
        "userinfo_endpoint",
        "revocation_endpoint",
        "end_session_endpoint",
        "authorization_response_iss_parameter_supported"
    )]
    member: &'static str,
    #[values(json!(null), json!(""), json!("no address"), json!(42), json!({}), json!("javascript:alert(1)"))]
    value: Value,
) {
    let world = World::new(Sqlite).await;
    world.issuer.faults().discovery_shape.always(DiscoveryShape::With(member, value));
    let connection = world.connection().await;
    world.access_token(&connection).await;
    assert_eq!(ready(&world, &world.machine_room).await.1["status"], "ready");
}

#[tokio::test]
async fn what_an_issuer_says_is_quoted_and_cut() {
    let world = World::new(Sqlite).await;
    let long = format!("https://{}.test/{}", "a".repeat(63), "b".repeat(100_000));
    world.issuer.faults().discovery_shape.always(DiscoveryShape::With("token_endpoint", json!(long)));
    let readiness = ready(&world, &world.machine_room).await.1;
    let said = readiness["issuers"]["sandbox"].as_str().expect("a sentence");
    assert!(said.len() < 500, "{said}");
}

/// The published key set, each key changed like this.
async fn publish(world: &World, change: impl Fn(&mut Value)) {
    let url = format!("{}.well-known/jwks.json", world.issuer.url());
    let mut set: Value = world.http.get(url).send().await.expect("an answer").json().await.expect("JSON");
    for key in set["keys"].as_array_mut().expect("keys") {
        change(key);
    }
    let body = set.to_string();
    world.issuer.faults().jwks.always(Fault::Status { code: 200, body, retry_after: None });
}

#[rstest]
#[case::without_a_name(|key: &mut Value| drop(key.as_object_mut().expect("a key").remove("kid")))]
#[case::with_an_empty_name(|key: &mut Value| key["kid"] = json!(null))]
#[case::in_standard_base64(|key: &mut Value| {
    let n = key["n"].as_str().expect("a modulus").replace('-', "+").replace('_', "/");
    key["n"] = json!(format!("{n}=="));
})]
#[tokio::test]
async fn a_key_that_is_written_oddly_verifies_all_the_same(
    #[case] change: fn(&mut Value),
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    publish(&world, change).await;
    world.signed_in(EDITOR).await;
}

#[tokio::test]
async fn a_key_that_is_not_used_is_named_for_what_is_wrong_with_it() {
    let world = World::new(Sqlite).await;
    publish(&world, |key| key["n"] = json!("n*t base64")).await;
    let person = Person::new(&world);
    let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    let page = person.get(callback.as_str()).await;
    assert!(page.status == 400 && page.says("a number in it is not base64"), "{}", page.text);
}
