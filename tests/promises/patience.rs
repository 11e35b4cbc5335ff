//! No caller hangs: whoever waits too long is told to come back, in its wire's own form, and the work goes on. Probes learn
//! that the database takes no write, and that the server is leaving.

use std::time::{Duration, Instant};

use attache::pulse;
use attache::sandbox::fault::Fault;
use reqwest::{RequestBuilder, Response};
use rstest::rstest;
use serde_json::{Value, json};

use crate::command_line::Place;
use crate::world::{APP, Database, EDITOR, LIFETIME, Plan, Postgres, Sqlite, World, until};

async fn impatient(database: Database) -> World {
    let more_config = "[limits]\nanswer_seconds = 1\n".to_owned();
    World::planned(database, Plan { more_config, ..Plan::default() }).await
}

/// 503 and `Retry-After`, and nobody is blamed.
async fn told_to_come_back(request: RequestBuilder) -> Value {
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "2");
    assert!(answer.headers().contains_key("x-request-id"));
    let text = answer.text().await.expect("text");
    assert!(text.contains("takes longer"), "{text}");
    assert!(!text.contains("Sandbox"), "{text}");
    serde_json::from_str(&text).expect("JSON")
}

#[rstest]
#[tokio::test]
async fn who_waits_for_a_refresh_is_told_to_come_back_and_the_refresh_goes_on(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = impatient(database).await;
    let connection = world.connection().await;
    let (_, key) = world.caller().await;
    world.clock.advance(LIFETIME + 1);
    let before = world.issuer.refreshes();
    world.issuer.faults().token.next(Fault::Delay(Duration::from_secs(3)));
    let get = world.http.post(world.url("/api/apps.auth.external.get")).bearer_auth(&key);
    let get = get.form(&[("external_token_id", connection.as_str())]);
    let token = world.http.post(world.url(&format!("/v1/connections/{connection}/token"))).bearer_auth(&key);
    let (slack, v1) = tokio::join!(told_to_come_back(get), told_to_come_back(token.json(&json!({}))));
    assert_eq!((&slack["ok"], &slack["error"]), (&json!(false), &json!("service_unavailable")));
    assert_eq!(v1["error"], "takes_longer");
    until("the refresh ends", async || world.issuer.refreshes() == before + 1).await;
    world.settle().await;
    world.access_token(&connection).await;
    assert_eq!(world.issuer.refreshes(), before + 1);
}

/// Keeps every change waiting.
async fn hold_writes(world: &World, database: Database) -> attache::db::write::Transaction {
    let mut held = world.broker.db.begin().await.expect("a turn");
    if database == Postgres {
        let lock = "LOCK TABLE ledger, pulse IN ACCESS EXCLUSIVE MODE";
        sqlx::query(lock).execute(&mut *held).await.expect("a lock");
    }
    held
}

#[rstest]
#[tokio::test]
async fn who_waits_for_the_database_is_told_to_come_back_in_each_wires_own_form(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = impatient(database).await;
    let connection = world.connection().await;
    let (id, key) = world.caller().await;
    // Handed out before by another caller: for this one the ledger still has to be written.
    let (_, other_key) = world.make_caller("another", &[APP]).await;
    let token = world.access_token(&connection).await;
    let held = hold_writes(&world, database).await;
    let get = world.http.post(world.url("/api/apps.auth.external.get")).bearer_auth(&other_key);
    let get = get.form(&[("external_token_id", connection.as_str())]);
    let exchange = world.exchange_as(&id, &key, &[("subject_token", &token)]);
    let v1 =
        world.http.post(world.url(&format!("/v1/connections/{connection}/token"))).bearer_auth(&other_key);
    let (slack, oauth, v1) = tokio::join!(
        told_to_come_back(get),
        told_to_come_back(exchange),
        told_to_come_back(v1.json(&json!({}))),
    );
    assert_eq!(slack["error"], "service_unavailable");
    assert_eq!(oauth["error"], "temporarily_unavailable");
    assert_eq!(v1["error"], "takes_longer");
    drop(held);
    world.settle().await;
    assert_eq!(world.exchange(&[("subject_token", &token)]).await.status(), 200);
}

async fn ready(world: &World) -> (u16, Value) {
    let answer: Response =
        world.http.get(format!("{}/readyz", world.machine_room)).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

#[rstest]
#[tokio::test]
async fn the_probe_says_when_the_disk_is_full_and_when_it_is_read_only(
    #[values(Sqlite, Postgres)] database: Database,
    #[values("database or disk is full", "attempt to write a readonly database")] said: &str,
) {
    let world = World::new(database).await;
    pulse::beat(&world.broker).await;
    assert_eq!(ready(&world).await.0, 200);
    // What the database says of a disk that no test can fill.
    let trouble: &[String] = &match database {
        Sqlite => vec![format!(
            "CREATE TRIGGER trouble BEFORE UPDATE ON pulse BEGIN SELECT RAISE(ABORT, '{said}'); END"
        )],
        Postgres => vec![
            format!(
                "CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION '{said}'; END $$"
            ),
            "CREATE TRIGGER trouble BEFORE UPDATE ON pulse FOR EACH ROW EXECUTE FUNCTION trouble()"
                .to_owned(),
        ],
    };
    for statement in trouble {
        world.change(sqlx::query(sqlx::AssertSqlSafe(statement.clone()))).await;
    }
    pulse::beat(&world.broker).await;
    let (status, body) = ready(&world).await;
    assert_eq!((status, &body["what"]), (503, &json!("database")), "{body}");
    let why = body["why"].as_str().expect("a sentence");
    let named = if said.contains("full") { "disk is full" } else { "is read-only" };
    assert!(why.contains(named), "{why}");
    let cure = match database {
        Sqlite => "DROP TRIGGER trouble",
        Postgres => "DROP TRIGGER trouble ON pulse",
    };
    world.change(sqlx::query(cure)).await;
    pulse::beat(&world.broker).await;
    assert_eq!(ready(&world).await.0, 200);
}

#[rstest]
#[tokio::test]
async fn the_probe_says_that_the_database_hangs_and_is_answered_in_time(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    pulse::beat(&world.broker).await;
    let held = hold_writes(&world, database).await;
    pulse::beat(&world.broker).await;
    let began = Instant::now();
    let (status, body) = ready(&world).await;
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(status, 503);
    assert!(body["why"].as_str().is_some_and(|why| why.contains("hangs")), "{body}");
    drop(held);
    pulse::beat(&world.broker).await;
    assert_eq!(ready(&world).await.0, 200);
}

#[rstest]
#[tokio::test]
async fn who_leaves_says_so_and_serves_each_connection_once_more(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let before = world.http.get(world.url("/")).send().await.expect("an answer");
    assert!(!before.headers().contains_key("connection"));
    world.broker.leaving.cancel();
    let (status, body) = ready(&world).await;
    assert_eq!((status, &body["what"]), (503, &json!("draining")));
    for path in ["/", "/.well-known/jwks.json", "/no/such/page"] {
        let answer = world.http.get(world.url(path)).send().await.expect("an answer");
        assert_eq!(answer.headers()["connection"], "close", "{path}");
    }
    assert_eq!(person.get("/account/connected-apps").await.status, 200);
}

#[tokio::test]
async fn at_sigterm_the_listener_stays_open_for_a_moment() {
    let place = Place::new();
    place.replace("drain_seconds = 0", "drain_seconds = 2");
    let mut serving = place.serve().await;
    serving.terminate();
    let began = Instant::now();
    until("the probe says so", async || {
        let probe = reqwest::get(format!("{}/readyz", place.machine_room)).await;
        probe.is_ok_and(|answer| answer.status() == 503)
    })
    .await;
    // A connection of its own.
    let answer = reqwest::get(&place.public_url).await.expect("the listener is open");
    assert_eq!(answer.headers()["connection"], "close");
    assert_eq!(serving.end().await, Some(0));
    assert!(began.elapsed() > Duration::from_millis(1500));
}
