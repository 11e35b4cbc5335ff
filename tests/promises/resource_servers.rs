//! The credentials of resource servers: made for one environment, shown once, two at a time. They are good for its tokens and
//! nothing else, and for nothing once they are revoked.

use attache::operator::{Command, run};
use attache::resource_server::create::ToProtect;
use attache::resource_server::last_use;
use reqwest::Response;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{Database, Plan, Postgres, Sqlite, World, refused};

pub const ENVIRONMENT: &str = "demo-master";
const CONNECTION: &str = "urn:attache:params:oauth:token-type:connection";

/// A second environment, whose tokens are no concern of the first one's resource servers.
pub const OTHER: &str = r#"
[environments.other]
project = "other"
environment = "master"
content_api_url = "https://other.sandbox.test/v2/other/master"
strategy = "mint"
apps = ["content-writer"]
accounts = "any"
"#;

/// A resource server's id and secret.
pub struct ResourceServer {
    pub id: String,
    pub secret: String,
}

pub async fn create_at(world: &World, environment: &str) -> ResourceServer {
    create_for(world, ToProtect::Environment(environment.to_owned())).await
}

pub async fn create_for(world: &World, wanted: ToProtect) -> ResourceServer {
    let command = Command::CreateResourceServer { wanted };
    let made = run(&world.broker, command).await.expect("a resource server");
    let id = made.lines[0].split(' ').nth(2).expect("its id").to_owned();
    ResourceServer { id, secret: made.secret.expect("its secret").expose().to_owned() }
}

pub async fn create(world: &World) -> ResourceServer {
    create_at(world, ENVIRONMENT).await
}

/// `POST /oauth/introspect` at a server of this address.
pub async fn ask(world: &World, url: &str, asks: &ResourceServer, token: &str) -> Response {
    let post = world.http.post(format!("{url}/oauth/introspect"));
    let post = post.basic_auth(&asks.id, Some(&asks.secret)).form(&[("token", token)]);
    post.send().await.expect("an answer")
}

pub async fn introspect(world: &World, asks: &ResourceServer, token: &str) -> Value {
    let answer = ask(world, &world.public_url, asks, token).await;
    assert_eq!(answer.status(), 200);
    answer.json().await.expect("JSON")
}

/// A content token for the demo environment, asked for by the usual caller; later parameters win.
pub async fn content_token(world: &World, connection: &str, more: &[(&str, &str)]) -> String {
    let usual = [("subject_token", connection), ("subject_token_type", CONNECTION)];
    let form: Vec<_> = usual.iter().chain(more).copied().collect();
    let answer = world.exchange(&form).await;
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.expect("JSON");
    body["access_token"].as_str().expect("a token").to_owned()
}

async fn list(world: &World) -> Vec<String> {
    run(&world.broker, Command::ListResourceServers).await.expect("a list").lines
}

#[rstest]
#[tokio::test]
async fn a_secret_is_shown_once_and_two_are_live_at_a_time(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let first = create(&world).await;
    assert!(first.secret.starts_with(&format!("{}_", first.id)), "its secret begins with its id");
    let second = create(&world).await;
    let third = Command::CreateResourceServer { wanted: ToProtect::Environment(ENVIRONMENT.to_owned()) };
    let said = run(&world.broker, third).await.expect_err("a refusal").to_string();
    assert!(said.contains("two") || said.contains('2'), "{said}");
    let stored = world.column("SELECT secret_hash FROM resource_servers WHERE id = $1", &first.id).await;
    assert_ne!(stored.expect("a hash"), first.secret);
    assert!(list(&world).await.iter().all(|line| !line.contains(&first.secret)));
    for asks in [&first, &second] {
        assert_eq!(introspect(&world, asks, "nonsense").await, json!({ "active": false }));
    }
    run(&world.broker, Command::RevokeResourceServer { id: first.id.clone() }).await.expect("a revoke");
    refused(ask(&world, &world.public_url, &first, "nonsense").await, 401, "invalid_client").await;
    assert_eq!(introspect(&world, &second, "nonsense").await, json!({ "active": false }));
    create(&world).await;
    for id in [first.id.as_str(), "rs_none", "rs_\u{0}", ""] {
        let again = run(&world.broker, Command::RevokeResourceServer { id: id.to_owned() }).await;
        assert_eq!(again.expect_err("a refusal").answer().1, "invalid_request", "{id:?}");
    }
    for environment in ["", "nowhere", "demo-master\u{0}", "Demo-Master"] {
        let made = run(
            &world.broker,
            Command::CreateResourceServer { wanted: ToProtect::Environment(environment.to_owned()) },
        );
        assert_eq!(made.await.expect_err("a refusal").answer().1, "invalid_request", "{environment:?}");
    }
}

#[tokio::test]
async fn a_revoke_of_a_secret_at_one_replica_counts_at_the_others_from_its_answer_on() {
    let world = World::new(Postgres).await;
    let replica = world.replica().await;
    let asks = create(&world).await;
    assert_eq!(ask(&world, &replica.url, &asks, "nonsense").await.status(), 200);
    run(&world.broker, Command::RevokeResourceServer { id: asks.id.clone() }).await.expect("a revoke");
    assert_eq!(ask(&world, &replica.url, &asks, "nonsense").await.status(), 401);
}

#[rstest]
#[tokio::test]
async fn the_list_says_for_which_environment_and_when_last_used(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let plan = Plan { more_config: OTHER.to_owned(), ..Plan::default() };
    let world = World::planned(database, plan).await;
    let (here, there) = (create(&world).await, create_at(&world, "other").await);
    introspect(&world, &here, "nonsense").await;
    last_use::tell(&world.broker).await.expect("a database");
    let lines = list(&world).await;
    let line = |of: &ResourceServer| lines.iter().find(|line| line.starts_with(&of.id)).expect("a line");
    let used = format!("last used {}", world.clock.now());
    assert!(line(&here).contains(ENVIRONMENT) && line(&here).contains(&used), "{lines:?}");
    assert!(line(&there).contains("other/master") && line(&there).contains("never used"), "{lines:?}");
    // Told once a minute, and the last one counts.
    world.clock.advance(30);
    introspect(&world, &here, "nonsense").await;
    last_use::tell(&world.broker).await.expect("a database");
    assert!(list(&world).await.iter().any(|line| line.contains(&used)));
    world.clock.advance(30);
    introspect(&world, &here, "nonsense").await;
    last_use::tell(&world.broker).await.expect("a database");
    assert!(list(&world).await.iter().all(|line| !line.contains(&used)));
}

#[rstest]
#[tokio::test]
async fn a_resource_server_is_nobody_anywhere_else(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let asks = create(&world).await;
    let by_id = [("subject_token", connection.as_str()), ("subject_token_type", CONNECTION)];
    let exchange = world.exchange_as(&asks.id, &asks.secret, &by_id).send().await.expect("an answer");
    refused(exchange, 401, "invalid_client").await;
    let get = world.http.get(world.url("/v1/connections")).bearer_auth(&asks.secret);
    assert_eq!(get.send().await.expect("an answer").status(), 401);
    let token = world.http.post(world.url(&format!("/v1/connections/{connection}/token")));
    assert_eq!(token.bearer_auth(&asks.secret).send().await.expect("an answer").status(), 401);
    assert_eq!(world.viewer(&asks.secret).await.status(), 401);
    let slack = world.http.post(world.url("/api/apps.auth.external.get")).bearer_auth(&asks.secret);
    let slack = slack.form(&[("external_token_id", connection.as_str())]).send().await.expect("an answer");
    assert_eq!(slack.json::<Value>().await.expect("JSON")["error"], "invalid_auth");
    // And nobody else is a resource server.
    let (caller, key) = world.caller().await;
    let callers = ResourceServer { id: caller, secret: key };
    refused(ask(&world, &world.public_url, &callers, "nonsense").await, 401, "invalid_client").await;
}
