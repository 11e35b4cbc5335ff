//! Who may reach an environment: nobody, unless the configuration says who.

use attache::config::Config;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{APP, Database, EDITOR, Plan, Postgres, READER, Sqlite, World, refused};

const APPS: &str = "apps = [\"content-writer\"]\n";
const ACCOUNTS: &str = "accounts = \"any\"\n";

async fn ask(world: &World, connection: &str) -> reqwest::Response {
    world.exchange(&[("subject_token", &world.access_token(connection).await)]).await
}

/// Whether the connection gets a content token; every path must agree.
async fn reaches(world: &World, connection: &str) -> bool {
    let exchanged = ask(world, connection).await;
    let viewer = world.viewer(&world.access_token(connection).await).await;
    let viewer: Value = viewer.json().await.expect("JSON");
    let reached = exchanged.status() == 200;
    if !reached {
        refused(exchanged, 400, "invalid_target").await;
    }
    assert_eq!(viewer.get("errors").is_none(), reached, "{viewer}");
    reached
}

async fn planned(database: Database, from: &'static str, to: &'static str) -> World {
    World::planned(database, Plan { replace: vec![(from, to)], ..Plan::default() }).await
}

/// The same broker after a restart with another configuration; the first one reads the same database.
async fn restart(world: &World, from: &str, to: &str) {
    assert!(world.config.contains(from));
    world.restart(&world.config.replace(from, to)).await;
}

#[rstest]
#[case::no_apps(APPS, "")]
#[case::no_accounts(ACCOUNTS, "")]
#[case::empty_apps(APPS, "apps = []\n")]
#[case::empty_accounts(ACCOUNTS, "accounts = []\n")]
#[case::another_app(APPS, "apps = [\"another-app\"]\n")]
#[case::another_account(ACCOUNTS, "accounts = [\"sandbox|reader\"]\n")]
#[case::prefix_of_an_account(ACCOUNTS, "accounts = [\"sandbox|\", \"*\", \"SANDBOX|EDITOR\"]\n")]
#[case::claim_of_another(ACCOUNTS, "accounts = { claim = \"$.email\", equals = \"reader@sandbox.test\" }\n")]
#[case::claim_that_is_absent(ACCOUNTS, "accounts = { claim = \"$.org_id\", equals = \"org_1\" }\n")]
#[case::claim_of_another_type(ACCOUNTS, "accounts = { claim = \"$.email_verified\", equals = \"true\" }\n")]
#[case::many_claims(ACCOUNTS, "accounts = { claim = \"$.*\", equals = \"editor@sandbox.test\" }\n")]
#[tokio::test]
async fn nobody_reaches_an_environment_that_does_not_name_them(
    #[case] from: &'static str,
    #[case] to: &'static str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = planned(database, from, to).await;
    let connection = world.connection().await;
    assert!(!reaches(&world, &connection).await);
}

#[rstest]
#[case::any_app(APPS, "apps = \"any\"\n")]
#[case::subject(ACCOUNTS, "accounts = [\"nobody\", \"sandbox|editor\"]\n")]
#[case::claim(ACCOUNTS, "accounts = { claim = \"$.email\", equals = \"editor@sandbox.test\" }\n")]
#[tokio::test]
async fn whoever_is_named_reaches_it_and_only_they(
    #[case] from: &'static str,
    #[case] to: &'static str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = planned(database, from, to).await;
    let connection = world.connection().await;
    assert!(reaches(&world, &connection).await);
    let readers = world.signed_in(READER).await.connect_as(APP, READER).await;
    assert_eq!(reaches(&world, &readers).await, from == APPS);
}

#[rstest]
#[tokio::test]
async fn a_claim_may_hold_the_value_in_a_list(#[values(Sqlite, Postgres)] database: Database) {
    let rule = "accounts = { claim = \"$.groups\", equals = \"editors\" }\n";
    let world = planned(database, ACCOUNTS, rule).await;
    let connection = world.connection().await;
    assert!(!reaches(&world, &connection).await);
    let shape = |groups: Value| attache::sandbox::issuer::UserinfoShape::With("groups", groups);
    world.issuer.faults().userinfo_shape.next(shape(json!(["readers", "editors"])));
    world.signed_in(EDITOR).await;
    assert!(reaches(&world, &connection).await);
    // The last sign-in counts, not an earlier one.
    world.issuer.faults().userinfo_shape.next(shape(json!(["readers"])));
    world.signed_in(EDITOR).await;
    assert!(!reaches(&world, &connection).await);
}

#[rstest]
#[tokio::test]
async fn an_account_may_be_named_by_its_id(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let readers = world.signed_in(READER).await.connect_as(APP, READER).await;
    let account = world.column("SELECT account_id FROM connections WHERE id = $1", &connection).await;
    let rule = format!("accounts = [\"{}\"]\n", account.expect("an account"));
    restart(&world, ACCOUNTS, &rule).await;
    assert!(reaches(&world, &connection).await);
    assert!(!reaches(&world, &readers).await);
}

#[rstest]
#[tokio::test]
async fn an_environment_that_is_gone_from_the_file_is_out_of_use_until_it_is_back(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    assert!(reaches(&world, &connection).await);
    let begin = world.config.find("[environments.demo-master]").expect("an environment");
    let environment = &world.config[begin..];
    restart(&world, environment, "").await;
    assert!(!reaches(&world, &connection).await);
    let kept = world.column("SELECT status FROM environments WHERE key = $1", "demo-master").await;
    assert_eq!(kept.as_deref(), Some("suspended"));
    restart(&world, environment, environment).await;
    assert!(reaches(&world, &connection).await);
}

#[rstest]
#[tokio::test]
async fn an_app_that_is_gone_from_the_file_is_out_of_use_until_it_is_back(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let begin = world.config.find("[apps.content-writer]").expect("an app");
    let end = world.config.find("[environments.").expect("an environment");
    let app = &world.config[begin..end];
    restart(&world, app, "").await;
    assert_eq!(world.get(&connection).await["error"], "token_not_found");
    refused(world.exchange(&[("subject_token", &token)]).await, 400, "invalid_request").await;
    assert_eq!(world.viewer(&token).await.status(), 401);
    let person = world.signed_in(EDITOR).await;
    assert_eq!(person.get("/connect/content-writer").await.status, 400);
    // The person still sees it and can stop it.
    assert!(person.get("/account/connected-apps").await.says(&connection));
    restart(&world, app, app).await;
    assert!(reaches(&world, &connection).await);
}

#[rstest]
#[tokio::test]
async fn a_rule_that_says_something_else_is_refused_at_boot(
    #[values(
        "accounts = \"anybody\"\n",
        "accounts = { claim = \"$.email\" }\n",
        "accounts = { claim = \"$.email\", equals = \"x\", or = \"y\" }\n",
        "accounts = 1\n",
        "accounts = { claim = \"email\", equals = \"x\" }\n"
    )]
    rule: &str,
) {
    let world = World::new(Sqlite).await;
    let faults = Config::parse(&world.config.replace(ACCOUNTS, rule), []).expect_err("a fault");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].key.starts_with("environments.demo-master"), "{faults:?}");
}

#[rstest]
#[tokio::test]
async fn an_environment_is_its_project_and_name_whatever_its_key(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let second = "[environments.second]\nproject = \"second\"\nenvironment = \"master\"\n\
        content_api_url = \"https://second.test/\"\napps = \"any\"\naccounts = \"any\"\n";
    let world = World::planned(database, Plan { more_config: second.to_owned(), ..Plan::default() }).await;
    let connection = world.connection().await;
    let audience = async |environment: &str| {
        let subject = world.access_token(&connection).await;
        let answer = world.exchange(&[("subject_token", &subject), ("audience", environment)]).await;
        let body: Value = answer.json().await.expect("JSON");
        let token = body["access_token"].as_str().unwrap_or_else(|| panic!("no token: {body}"));
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("a JWT")).expect("base64url");
        serde_json::from_slice::<Value>(&claims).expect("JSON")["aud"].as_str().expect("aud").to_owned()
    };
    let first = "cmaz8u024000b07w2o46szn1y/master";
    let before = (audience(first).await, audience("second/master").await);
    assert_eq!(before, (world.content_api_url(), "https://second.test/".to_owned()));
    let swapped = world
        .config
        .replace("demo-master", "third")
        .replace("environments.second", "environments.demo-master")
        .replace("environments.third", "environments.second");
    world.restart(&swapped).await;
    assert_eq!((audience(first).await, audience("second/master").await), before);
    // At a new address the tokens that were kept for the old one are of no use.
    world.restart(&swapped.replace("https://second.test/", "https://moved.test/")).await;
    assert_eq!(audience("second/master").await, "https://moved.test/");
}
