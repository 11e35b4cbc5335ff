//! Tokens of a caller's own, for nobody: only what the operator lets that caller do by itself, and only while it does.

use attache::operator::{Command, run};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Response;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{APP, Database, Plan, Postgres, Sqlite, World, refused};

const ALL: &str = r#"[{"actions":["read","create"]}]"#;
const READS: &str = r#"[{"actions":["read"],"stages":["PUBLISHED"]}]"#;

/// A request by the usual caller for the demo environment; later parameters win, empty ones go.
pub async fn ask(world: &World, form: &[(&str, &str)]) -> Response {
    let (id, key) = world.caller().await;
    ask_as(world, &id, &key, form).await
}

async fn ask_as(world: &World, id: &str, key: &str, form: &[(&str, &str)]) -> Response {
    let usual = [("grant_type", "client_credentials"), ("subject_token_type", "")];
    let kept = usual.into_iter().filter(|(name, _)| form.iter().all(|(other, _)| other != name));
    let all: Vec<_> = kept.chain(form.iter().copied()).collect();
    world.exchange_as(id, key, &all).send().await.expect("an answer")
}

pub async fn permit(world: &World, permissions: &str) {
    let (caller, _) = world.caller().await;
    let (environment, permissions) = ("demo-master".to_owned(), permissions.to_owned());
    run(&world.broker, Command::PermitCaller { caller, environment, permissions }).await.expect("a permit");
}

pub async fn body(answer: Response) -> Value {
    assert_eq!(answer.status(), 200);
    answer.json().await.expect("JSON")
}

fn claims(body: &Value) -> Value {
    let token = body["access_token"].as_str().expect("a token");
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("a JWT")).expect("base64url");
    serde_json::from_slice(&payload).expect("JSON")
}

#[rstest]
#[tokio::test]
async fn a_token_is_the_callers_own_and_says_what_it_may_do(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let (caller, _) = world.caller().await;
    permit(&world, READS).await;
    let answer = ask(&world, &[]).await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let given = body(answer).await;
    let url = world.content_api_url();
    let details =
        json!([{ "type": "content", "locations": [url], "actions": ["read"], "stages": ["PUBLISHED"] }]);
    assert_eq!((&given["token_type"], &given["expires_in"]), (&json!("Bearer"), &json!(300)));
    assert_eq!((&given["scope"], &given["authorization_details"]), (&json!("content:read"), &details));
    assert!(given.get("refresh_token").is_none() && given.get("issued_token_type").is_none(), "{given}");
    let (said, now) = (claims(&given), world.clock.now().unix());
    let expected = json!({
        "iss": world.public_url, "aud": url, "sub": caller, "client_id": caller, "scope": "content:read",
        "authorization_details": details, "iat": now, "exp": now + 300, "jti": said["jti"],
    });
    assert_eq!(said, expected);
}

#[rstest]
#[tokio::test]
async fn without_permissions_there_is_no_token(#[values(Sqlite, Postgres)] database: Database) {
    let second = "[environments.second]\nproject = \"second\"\nenvironment = \"master\"\n\
        content_api_url = \"https://second.test/\"\napps = \"any\"\naccounts = \"any\"\n";
    let world = World::planned(database, Plan { more_config: second.to_owned(), ..Plan::default() }).await;
    let none = refused(ask(&world, &[]).await, 400, "invalid_target").await;
    permit(&world, ALL).await;
    body(ask(&world, &[]).await).await;
    for target in ["second/master", "second/nowhere", "x", "\u{0}/x"] {
        assert_eq!(refused(ask(&world, &[("audience", target)]).await, 400, "invalid_target").await, none);
    }
    refused(ask(&world, &[("audience", "")]).await, 400, "invalid_target").await;
    let (id, key) = world.make_caller("another_function", &[APP]).await;
    refused(ask_as(&world, &id, &key, &[]).await, 400, "invalid_target").await;
    let url = world.content_api_url();
    body(ask(&world, &[("audience", ""), ("resource", &url)]).await).await;
    refused(ask(&world, &[("resource", &url)]).await, 400, "invalid_target").await;
}

#[rstest]
#[tokio::test]
async fn what_is_asked_for_only_narrows(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    permit(&world, ALL).await;
    let reads = body(ask(&world, &[("scope", "content:read")]).await).await;
    assert_eq!((&reads["scope"], &claims(&reads)["scope"]), (&json!("content:read"), &json!("content:read")));
    let detail = r#"[{"type":"content","actions":["create"],"models":["Page"]}]"#;
    let creates = claims(&body(ask(&world, &[("authorization_details", detail)]).await).await);
    assert_eq!(creates["authorization_details"][0]["models"], json!(["Page"]));
    assert_eq!(creates["authorization_details"][0]["actions"], json!(["create"]));
    permit(&world, READS).await;
    for more in [
        ("scope", "content:write"),
        ("scope", "openid"),
        ("scope", "content:read\u{7}"),
        ("authorization_details", detail),
        ("authorization_details", "{}"),
    ] {
        refused(ask(&world, &[more]).await, 400, "invalid_scope").await;
    }
}

#[rstest]
#[tokio::test]
async fn what_is_taken_back_ends_at_once_on_every_server(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    permit(&world, ALL).await;
    let (caller, key) = world.caller().await;
    let urls = match database {
        Sqlite => vec![world.public_url.clone()],
        Postgres => vec![world.public_url.clone(), world.replica().await.url],
    };
    let ask = async |url: &str| {
        let form = [("grant_type", "client_credentials"), ("audience", "cmaz8u024000b07w2o46szn1y/master")];
        let post = world.http.post(format!("{url}/oauth/token")).basic_auth(&caller, Some(&key)).form(&form);
        post.send().await.expect("an answer")
    };
    let frozen = async || {
        let scope =
            attache::freeze::selection::Selection::of(attache::freeze::selection::Scope::Caller, &caller);
        let why = attache::freeze::selection::Why::operator("a promise");
        attache::freeze::freezes::freeze(&world.broker, &scope, &why).await.expect("a freeze").id
    };
    for url in &urls {
        body(ask(url).await).await;
    }
    let id = frozen().await;
    for url in &urls {
        refused(ask(url).await, 400, "invalid_request").await;
    }
    run(&world.broker, Command::Unfreeze { id }).await.expect("an end");
    let environment = "demo-master".to_owned();
    let forbid = async || {
        let command = Command::ForbidCaller { caller: caller.clone(), environment: environment.clone() };
        run(&world.broker, command).await
    };
    forbid().await.expect("an end");
    for url in &urls {
        refused(ask(url).await, 400, "invalid_target").await;
    }
    assert!(forbid().await.expect_err("nothing is left").to_string().contains(&caller));
    permit(&world, ALL).await;
    let id = world.column("SELECT id FROM api_keys WHERE caller_id = $1", &caller).await.expect("a key");
    run(&world.broker, Command::RevokeKey { id }).await.expect("a revoke");
    for url in &urls {
        refused(ask(url).await, 401, "invalid_client").await;
    }
}

#[rstest]
#[tokio::test]
async fn a_platform_that_gives_its_own_tokens_gives_none_for_nobody(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let strategy = ("strategy = \"mint\"", "strategy = \"ask\"\nmanagement_api_url = \"{platform}graphql\"");
    let world = World::planned(database, Plan { replace: vec![strategy], ..Plan::default() }).await;
    permit(&world, ALL).await;
    refused(ask(&world, &[]).await, 400, "invalid_target").await;
    assert_eq!(world.platform.asked(), 0);
}

#[rstest]
#[tokio::test]
async fn the_ledger_says_who_was_given_tokens_of_their_own(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    permit(&world, ALL).await;
    let (caller, _) = world.caller().await;
    for _ in 0..3 {
        body(ask(&world, &[]).await).await;
    }
    attache::ledger::hand_out::flush(&world.broker).await.expect("a write");
    let times = "SELECT CAST(SUM(times) AS TEXT) FROM ledger WHERE action = 'hand_out' AND caller_id = $1";
    assert_eq!(world.column(times, &caller).await.as_deref(), Some("3"));
    let rows = "SELECT CAST(COUNT(*) AS TEXT) FROM ledger WHERE action = 'hand_out' AND caller_id = $1";
    assert_eq!(world.column(rows, &caller).await.as_deref(), Some("1"), "repeats are counted");
}

#[rstest]
#[case::nobody("nobody", "demo-master", ALL, "nobody")]
#[case::nowhere("create_content_function", "elsewhere", ALL, "elsewhere")]
#[case::nothing("create_content_function", "demo-master", "[]", "permissions")]
#[case::no_action(
    "create_content_function",
    "demo-master",
    "[{\"actions\":[\"burn\"]}]",
    "permissions[0].actions[0]"
)]
#[tokio::test]
async fn what_makes_no_sense_is_refused(
    #[case] caller: &str,
    #[case] environment: &str,
    #[case] permissions: &str,
    #[case] said: &str,
) {
    let world = World::new(Sqlite).await;
    world.caller().await;
    let (caller, environment) = (caller.to_owned(), environment.to_owned());
    let command = Command::PermitCaller { caller, environment, permissions: permissions.to_owned() };
    let refused = run(&world.broker, command).await.expect_err("a fault");
    assert!(refused.to_string().contains(said), "{refused}");
    assert_eq!(run(&world.broker, Command::ListPermittedCallers).await.expect("a list").lines.len(), 0);
    permit(&world, READS).await;
    let listed = run(&world.broker, Command::ListPermittedCallers).await.expect("a list").lines;
    assert!(listed[0].contains("demo-master") && listed[0].contains(READS), "{listed:?}");
}
