//! Accounts that a platform vouches for: never one of the sign-in issuer, never for longer than an hour, and stopped, deleted and
//! told apart like any other.

use attache::account::platform;
use attache::config::Config;
use attache::operator::{Command, run};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::person::Person;
use crate::platform_users::{
    ACME, BACK, ada, answer, any_identity, claims, link, link_for, stage, stage_with,
};
use crate::session_tokens::{TOKENS, ask};
use crate::world::{APP, Database, EDITOR, Plan, Postgres, Sqlite, World};

const PAGES: &str = "https://pages.example.com";

async fn account(world: &World, issuer: &'static str, subject: &str) -> Option<String> {
    let select = match issuer {
        "platform" => "SELECT id FROM accounts WHERE subject = $1 AND issuer LIKE 'platform:%'",
        _ => "SELECT id FROM accounts WHERE subject = $1 AND issuer NOT LIKE 'platform:%'",
    };
    world.column(select, subject).await
}

async fn listed(world: &World, key: &str, query: &str) -> Value {
    let get = world.http.get(world.url(&format!("/v1/connections{query}"))).bearer_auth(key);
    get.send().await.expect("an answer").json().await.expect("JSON")
}

#[test]
fn no_issuer_can_have_the_name_of_a_platforms_accounts() {
    let name = platform::issuer_of("acme");
    assert_eq!(platform::key_of(&name), Some("acme"));
    for issuer in
        ["https://issuer.test/", "http://127.0.0.1:1/", "https://platform:1/", "HTTPS://platform:acme"]
    {
        assert_eq!(platform::key_of(issuer), None);
    }
    let sample = std::fs::read_to_string("attache.toml").expect("the sample");
    let sample = sample.replace("issuer = \"https://hygraph.eu.auth0.com/\"", "issuer = \"platform:acme\"");
    assert!(sample.contains("platform:acme"));
    let faults = Config::parse(&sample, []).expect_err("a fault");
    assert!(
        faults.iter().any(|fault| fault.key.ends_with(".issuer") && fault.problem.contains("https URL")),
        "{faults:?}"
    );
}

#[rstest]
#[tokio::test]
async fn whom_a_platform_calls_as_the_sign_in_issuer_calls_somebody_is_somebody_else(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let only = ("accounts = \"any\"", "accounts = [\"sandbox|editor\"]");
    let plan = Plan { replace: vec![only, any_identity().replace[0]], ..Plan::default() };
    let (world, key) = stage_with(database, plan).await;
    let editor = world.signed_in(EDITOR).await;
    let own = editor.connect(APP).await;
    let mut said = claims(&world, "1");
    (said["sub"], said["email"]) = (json!(EDITOR), json!("editor@sandbox.test"));
    let person = Person::new(&world);
    let path = link_for(&world, &key, &said, json!({ "app": APP })).await;
    answer(&person, &path, "continue").await;
    let theirs = person.connect_as(APP, EDITOR).await;
    assert_ne!(own, theirs);
    let of_platform = account(&world, "platform", EDITOR).await.expect("an account");
    assert_ne!(account(&world, "sign-in", EDITOR).await.expect("an account"), of_platform);
    assert!(!person.get("/account/connected-apps").await.says(&own));
    // The subject in a caller's filter and in an environment's rule is the sign-in issuer's.
    let found = listed(&world, &key, "?account=sandbox%7Ceditor").await;
    assert_eq!(found["connections"].as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(found["connections"][0]["id"], own.as_str());
    let found = listed(&world, &key, &format!("?account={of_platform}")).await;
    assert_eq!(found["connections"][0]["id"], theirs.as_str());
    let connection_type = "urn:attache:params:oauth:token-type:connection";
    let exchange = async |connection: &str| {
        let form = [("subject_token", connection), ("subject_token_type", connection_type)];
        world.exchange(&form).await.status()
    };
    assert_eq!((exchange(&own).await, exchange(&theirs).await), (StatusCode::OK, StatusCode::BAD_REQUEST));
}

#[rstest]
#[tokio::test]
async fn an_app_that_takes_only_who_is_signed_in_here_takes_no_platforms_user(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, key) = stage(database).await;
    let mut said = claims(&world, "1");
    said["sub"] = json!(EDITOR);
    let person = Person::new(&world);
    let path = link_for(&world, &key, &said, json!({ "app": APP })).await;
    answer(&person, &path, "continue").await;
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    let page = person.get(callback.as_str()).await;
    assert_eq!((page.status, world.rows("connections").await), (StatusCode::BAD_REQUEST, 0), "{}", page.text);
}

#[rstest]
#[tokio::test]
async fn a_session_on_a_platforms_word_lasts_an_hour_and_ends_here_only(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, key) = stage(database).await;
    let person = ada(&world, &key, "1").await;
    let shown = ask(&person, &world, Method::GET, "/v1/session", PAGES).await;
    let shown: Value = serde_json::from_str(&shown.text).expect("JSON");
    assert_eq!(shown["session"]["expires_at"], world.clock.now().unix() + 3600, "{shown}");
    assert_eq!(shown["user"]["name"], "Ada Example");
    world.clock.advance(3590);
    let token = ask(&person, &world, Method::POST, TOKENS, PAGES).await;
    let token: Value = serde_json::from_str(&token.text).expect("JSON");
    assert_eq!(token["expires_in"], 10, "{token}");
    world.clock.advance(10);
    assert_eq!(ask(&person, &world, Method::POST, TOKENS, PAGES).await.status, 401);
    // By form, and by a page of the platform: the issuer where others sign in is told nothing.
    let person = ada(&world, &key, "2").await;
    let csrf = person.get("/account/connected-apps").await.csrf();
    let page = person.post("/sign-out", &[("csrf", &csrf), ("return_to", "/connect/content-writer")]).await;
    assert_eq!((page.status, page.location()), (StatusCode::OK, None), "{}", page.text);
    assert!(
        page.says("You are signed out here") && page.says("Acme") && !page.says("Sandbox"),
        "{}",
        page.text
    );
    assert_eq!(
        ask(&person, &world, Method::GET, "/v1/session", PAGES).await.text,
        r#"{"session":null,"user":null}"#
    );
    let person = ada(&world, &key, "3").await;
    let sessions = person.get("/account/sessions").await;
    assert!(sessions.says("Acme") && !sessions.says("Sandbox"), "{}", sessions.text);
    let ended = ask(&person, &world, Method::DELETE, "/v1/session", PAGES).await;
    assert_eq!(ended.text, r#"{"sign_out_url":null}"#);
    assert_eq!(world.rows("sessions").await, 1, "the first one is there until it is swept");
}

#[rstest]
#[tokio::test]
async fn a_freeze_of_a_platforms_user_stops_them_at_once_and_outlives_their_account(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, key) = stage_with(database, any_identity()).await;
    let person = ada(&world, &key, "1").await;
    let connection = person.connect(APP).await;
    let open = link(&world, &key, "2", json!({ "return_to": BACK })).await;
    let csrf = person.get(&open).await.csrf();
    let id = account(&world, "platform", "ada").await.expect("an account");
    let selection =
        attache::freeze::selection::Selection::of(attache::freeze::selection::Scope::Account, &id);
    let why = attache::freeze::selection::Why::operator("a promise");
    attache::freeze::freezes::freeze(&world.broker, &selection, &why).await.expect("a freeze");
    let post = world.http.post(world.url(&format!("/v1/connections/{connection}/token"))).bearer_auth(&key);
    assert_eq!(post.send().await.expect("an answer").status(), 409);
    for page in [
        person.get(&open).await,
        Person::new(&world).get(&open).await,
        person.post(&open, &[("csrf", &csrf), ("answer", "continue")]).await,
    ] {
        assert_eq!(page.status, 403, "{}", page.text);
        assert!(page.says("held") && page.says("Acme") && !page.says("csrf\" value=\"\""), "{}", page.text);
    }
    // Somebody of the same name elsewhere is not meant.
    let mut other = claims(&world, "3");
    other["iss"] = json!("globex");
    let path = link_for(&world, &key, &other, json!({})).await;
    assert_eq!(Person::new(&world).get(&path).await.status, 200);
    // Who deletes the account and is sent here anew is the same person.
    let csrf = person.get("/account/connected-apps").await.csrf();
    assert_eq!(person.post("/account/delete", &[("csrf", &csrf)]).await.status, 303);
    world.settle().await;
    let again = link(&world, &key, "4", json!({})).await;
    assert_eq!(Person::new(&world).get(&again).await.status, 403);
}

#[rstest]
#[tokio::test]
async fn a_platforms_user_deletes_their_account_and_nothing_of_them_is_left(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, key) = stage_with(database, any_identity()).await;
    let person = ada(&world, &key, "1").await;
    let connection = person.connect(APP).await;
    let open = link(&world, &key, "2", json!({})).await;
    let id = account(&world, "platform", "ada").await.expect("an account");
    let csrf = person.get("/account/connected-apps").await.csrf();
    assert_eq!(person.post("/account/delete", &[("csrf", &csrf)]).await.status, 303);
    world.settle().await;
    let page = person.get("/account/deleted").await;
    assert!(
        page.says("Your account is deleted") && page.says("Acme") && !page.says("Sandbox"),
        "{}",
        page.text
    );
    assert!(matches!(world.status(&connection).await.as_str(), "revoking" | "revoked"));
    let page = Person::new(&world).get(&open).await;
    assert_eq!(page.status, 410, "a link of before is over: {}", page.text);
    world.clock.advance(200);
    attache::account::delete::go_on(&world.broker).await.expect("a database");
    for select in [
        "SELECT id FROM accounts WHERE subject = $1 OR name LIKE '%Ada%' OR email LIKE 'ada%'",
        "SELECT id FROM connect_sessions WHERE subject = $1 OR name LIKE '%Ada%' OR email LIKE 'ada%'",
    ] {
        assert_eq!(world.column(select, "ada").await, None, "{select}");
    }
    // A word that was brought before the deletion is not good again by it.
    let mut said = claims(&world, "2");
    said["exp"] = json!(said["iat"].as_i64().expect("a time") + 300);
    let body = json!({ "user_token": crate::platform_users::signed(&said) });
    let again = crate::platform_users::ask(&world, &key, &body).await;
    assert!(crate::platform_users::refused(again, 400, "invalid_user_token").await.contains("`jti`"));
    // Whoever is sent here again is somebody new.
    ada(&world, &key, "3").await;
    assert_ne!(account(&world, "platform", "ada").await.expect("an account"), id);
}

#[rstest]
#[tokio::test]
async fn a_template_gives_a_platforms_user_no_subject_of_the_sign_in_issuer(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let more_config = "[templates.who]\nlifetime_seconds = 60\n[templates.who.claims]\nmail = \"{{user.primary_email_address}}\"\nwho = \"{{user.external_id}}\"\n".to_owned();
    let (world, key) = stage_with(database, Plan { more_config, ..Plan::default() }).await;
    let mut said = claims(&world, "1");
    said["sub"] = json!(EDITOR);
    let person = Person::new(&world);
    let path = link_for(&world, &key, &said, json!({})).await;
    answer(&person, &path, "continue").await;
    let token = ask(&person, &world, Method::POST, &format!("{TOKENS}/who"), PAGES).await;
    let said = attache_claims(&token.text);
    assert_eq!((&said["mail"], &said["who"]), (&json!("ada@example.com"), &Value::Null), "{said}");
}

fn attache_claims(answer: &str) -> Value {
    use base64::Engine;
    let body: Value = serde_json::from_str(answer).expect("JSON");
    let jwt = body["jwt"].as_str().unwrap_or_else(|| panic!("a token: {body}"));
    let payload = jwt.split('.').nth(1).expect("claims");
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    serde_json::from_slice(&engine.decode(payload).expect("base64")).expect("JSON")
}

#[rstest]
#[tokio::test]
async fn a_platform_that_is_gone_from_the_configuration_sends_nobody_here(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, key) = stage(database).await;
    let path = link(&world, &key, "1", json!({})).await;
    let config =
        world.config.replace("[platforms.acme]", "[platforms.gone]").replace(ACME, "https://gone.test");
    let later = world.process(&config).await;
    let page = world.http.get(format!("{}{path}", later.url)).send().await.expect("an answer");
    assert_eq!(page.status(), 404);
    assert!(run(&later.broker, Command::ShowConnection { id: "Et1".to_owned() }).await.is_err());
}
