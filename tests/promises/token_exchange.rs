//! Content tokens that a platform's own token endpoint gives for the person's access token (RFC 8693).

use attache::config::Config;
use attache::sandbox::fault::Fault;
use attache::sandbox::platform::CLIENT;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{Database, EDITOR, LIFETIME, Plan, Postgres, Sqlite, World, refused};

const CONNECTION: &str = "urn:attache:params:oauth:token-type:connection";
const SECTION: &str = "strategy = \"token_exchange\"\ntoken_exchange = { token_url = \"{platform}oauth/token\", \
    client_id = \"attache-at-platform\", client_secret = \"platform-s3cret\" }\n";

async fn world(database: Database) -> World {
    assert_eq!(CLIENT, ("attache-at-platform", "platform-s3cret"));
    let replace = vec![("strategy = \"mint\"\n", SECTION)];
    World::planned(database, Plan { replace, ..Plan::default() }).await
}

async fn ask(world: &World, connection: &str, more: &[(&str, &str)]) -> reqwest::Response {
    let by_id = [("subject_token", connection), ("subject_token_type", CONNECTION)];
    world.exchange(&[by_id.as_slice(), more].concat()).await
}

#[rstest]
#[tokio::test]
async fn a_platform_that_exchanges_is_asked_once_with_a_token_that_is_valid_now(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = world(database).await;
    let connection = world.connection().await;
    world.caller().await;
    world.clock.advance(LIFETIME + 100);
    let first: Value = ask(&world, &connection, &[]).await.json().await.expect("JSON");
    assert_eq!(first["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token", "{first}");
    assert!(first.get("scope").is_none() && first.get("authorization_details").is_none(), "{first}");
    assert!(first["expires_in"].as_i64().is_some_and(|life| life <= 300), "{first}");
    let again: Value = ask(&world, &connection, &[]).await.json().await.expect("JSON");
    assert_eq!(again["access_token"], first["access_token"]);
    assert_eq!((world.issuer.refreshes(), world.platform.asked()), (1, 1));
    let written = world.create_entry(first["access_token"].as_str().expect("a token")).await;
    assert_eq!(written.json::<Value>().await.expect("JSON").get("errors"), None);
    assert_eq!(world.platform.entries()[0].created_by.as_ref().expect("an author").id, EDITOR);
}

#[rstest]
#[tokio::test]
async fn what_the_platform_gives_cannot_be_narrowed_and_that_is_said(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = world(database).await;
    let connection = world.connection().await;
    let said =
        refused(ask(&world, &connection, &[("scope", "content:read")]).await, 400, "invalid_scope").await;
    assert!(said.contains("cannot be narrowed"), "{said}");
    assert_eq!(world.platform.asked(), 0);
}

#[rstest]
#[case::refuses(400, json!({ "error": "invalid_target" }), 400, "invalid_target")]
#[case::refuses_the_person(403, json!({ "error": "access_denied" }), 400, "invalid_target")]
#[case::refuses_us(401, json!({ "error": "invalid_client" }), 503, "temporarily_unavailable")]
#[case::is_down(503, json!({}), 503, "temporarily_unavailable")]
#[case::gives_nothing(200, json!({ "token_type": "Bearer" }), 503, "temporarily_unavailable")]
#[case::breaks_a_header(200, json!({ "access_token": "a\r\nb" }), 503, "temporarily_unavailable")]
#[tokio::test]
async fn a_platform_that_gives_no_token_costs_nobody_a_grant(
    #[case] status: u16,
    #[case] body: Value,
    #[case] answered: u16,
    #[case] word: &str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = world(database).await;
    let connection = world.connection().await;
    let fault = Fault::Status { code: status, body: body.to_string(), retry_after: None };
    world.platform.faults().management.next(fault);
    refused(ask(&world, &connection, &[]).await, answered, word).await;
    assert_eq!(world.status(&connection).await, "active");
    assert_eq!(ask(&world, &connection, &[]).await.status(), 200);
}

#[tokio::test]
async fn the_section_and_the_strategy_need_each_other() {
    let world = world(Sqlite).await;
    let fault = |from: &str, to: &str| {
        let config = world.config.replace(from, to);
        assert_ne!(config, world.config);
        let faults = Config::parse(&config, []).expect_err("a fault");
        assert_eq!(faults.len(), 1, "{faults:?}");
        faults[0].key.clone()
    };
    let place = "environments.demo-master.token_exchange";
    assert_eq!(fault("strategy = \"token_exchange\"", "strategy = \"mint\""), place);
    assert_eq!(fault("\ntoken_exchange = ", "\n#"), place);
    let plain = fault("{ token_url = \"http://127.0.0.1", "{ token_url = \"http://192.0.2.1");
    assert_eq!(plain, format!("{place}.token_url"));
    assert_eq!(
        fault(", client_secret = \"platform-s3cret\"", ", client_auth = \"basic\""),
        format!("{place}.client_secret")
    );
}
