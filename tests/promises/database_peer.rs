//! The server at the other end of the database's connections may fall silent, or be none that may be used: nobody waits
//! for it long, nothing of it is handed out, and all is well soon after it is back.

use std::time::{Duration, Instant};

use attache::operator::select::Named;
use attache::operator::{Command, run};
use attache::secret::Token;
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;
use url::Url;

use crate::freeze::asked;
use crate::own_server::{ENCODED, Relay, Server};
use crate::postgres;
use crate::world::{Plan, Postgres, World};

/// Within this an answer comes, whatever the database does: two seconds, and one for a busy machine.
const SOON: Duration = Duration::from_secs(3);
/// Within this all is whole again.
const WHOLE: Duration = Duration::from_secs(10);

async fn on(url: String) -> World {
    World::planned(Postgres, Plan { database_url: Some(Token::new(url)), ..Plan::default() }).await
}

fn through(relay: &Relay, database: &str) -> String {
    format!("postgres://attache:{ENCODED}@127.0.0.1:{}/{database}", relay.port)
}

async fn ready(world: &World) -> (u16, String) {
    let answer = world.http.get(format!("{}/readyz", world.machine_room)).send().await.expect("an answer");
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.expect("JSON");
    (status, body["why"].as_str().unwrap_or_default().to_owned())
}

/// Asks many times at once; each is answered soon. What came.
async fn asked_at_once(world: &World, connection: &str) -> Vec<Value> {
    let (_, key) = world.caller().await;
    let mut callers = JoinSet::new();
    for _ in 0..30 {
        let asking = world
            .http
            .post(world.url("/api/apps.auth.external.get"))
            .bearer_auth(&key)
            .form(&[("external_token_id", connection)]);
        callers.spawn(async move {
            let began = Instant::now();
            let answer: Value = asking.send().await.expect("an answer").json().await.expect("JSON");
            assert!(began.elapsed() < SOON, "after {:?}: {answer}", began.elapsed());
            answer
        });
    }
    callers.join_all().await
}

/// How long it takes until this is so.
async fn whole_when(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < WHOLE, "not within ten seconds: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_falls_silent_keeps_nobody_waiting_and_is_used_again_when_it_speaks() {
    let url = Url::parse(postgres::create().await.expose()).expect("a URL");
    let relay =
        Relay::to(format!("127.0.0.1:{}", url.port().expect("a port")).parse().expect("an address")).await;
    let mut through = url.clone();
    through.set_port(Some(relay.port)).expect("a URL with a port");
    let world = on(through.to_string()).await;
    let connection = world.connection().await;
    world.access_token(&connection).await;
    relay.fall_silent();
    // One after another too: what was given up gives its place back.
    for _ in 0..3 {
        for answer in asked_at_once(&world, &connection).await {
            assert_eq!(answer["ok"], false, "{answer}");
        }
        let began = Instant::now();
        let (status, why) = ready(&world).await;
        assert!(began.elapsed() < SOON && status == 503, "{status} {why} after {:?}", began.elapsed());
    }
    relay.speak();
    whole_when("a token is handed out", async || world.get(&connection).await["ok"] == true).await;
    whole_when("it is ready", async || ready(&world).await.0 == 200).await;
    for answer in asked_at_once(&world, &connection).await {
        assert_eq!(answer["ok"], true, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_standby_hands_out_nothing_after_a_freeze_and_an_old_primary_is_not_believed() {
    let primary = Server::start(&[]);
    let standby = primary.standby();
    let relay = Relay::to(primary.address()).await;
    let world = on(through(&relay, "postgres")).await;
    let connection = world.connection().await;
    // Twice: the second is a counter, and needs no write.
    world.access_token(&connection).await;
    world.access_token(&connection).await;
    let elsewhere = crate::world::open(
        &world.config.replace(&relay.port.to_string(), &primary.port.to_string()),
        &world.clock,
    )
    .await;
    // What it has is all that it will ever have.
    caught_up(&primary, &standby).await;
    standby.sql("postgres", "SELECT pg_wal_replay_pause()").await;
    let freeze = Command::Freeze { asked: asked(Named::All), reason: "a promise".to_owned() };
    run(&elsewhere, freeze).await.expect("a freeze that is acknowledged");
    relay.lead_to(standby.address());
    for _ in 0..3 {
        for answer in asked_at_once(&world, &connection).await {
            assert_eq!(answer["ok"], false, "{answer}");
        }
    }
    whole_when("it says why", async || {
        let (status, why) = ready(&world).await;
        status == 503 && why.contains("standby") && why.contains(&relay.port.to_string())
    })
    .await;
    relay.lead_to(primary.address());
    whole_when("the freeze is seen", async || world.get(&connection).await["state"] == "paused").await;
    // The standby takes the primary's place; who comes back to the old one is not served by it.
    standby.sql("postgres", "SELECT pg_wal_replay_resume()").await;
    caught_up(&primary, &standby).await;
    standby.promote();
    relay.lead_to(standby.address());
    whole_when("the promoted one is used", async || ready(&world).await.0 == 200).await;
    relay.lead_to(primary.address());
    whole_when("the old one is refused", async || ready(&world).await.1.contains("old primary")).await;
}

/// Waits until the standby has all that the primary has.
async fn caught_up(primary: &Server, standby: &Server) {
    let mut of_primary = PgConnection::connect(&primary.url("postgres")).await.expect("the primary");
    let mut of_standby = PgConnection::connect(&standby.url("postgres")).await.expect("the standby");
    let at: String = sqlx::query_scalar("SELECT pg_current_wal_lsn()::text")
        .fetch_one(&mut of_primary)
        .await
        .expect("a place");
    whole_when("the standby follows", async || {
        let reached = sqlx::query_scalar("SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn").bind(&at);
        reached.fetch_one(&mut of_standby).await.expect("an answer")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_becomes_read_only_is_not_used_until_it_takes_writes_and_a_socket_or_the_second_host_may_lead_to_it()
 {
    let server = Server::start(&[]);
    let standby = server.standby();
    let several = format!(
        "postgres://attache:{ENCODED}@127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=read-write",
        standby.port, server.port
    );
    let world = on(several).await;
    let connection = world.connection().await;
    world.access_token(&connection).await;
    server.sql("postgres", "ALTER SYSTEM SET default_transaction_read_only = on").await;
    server.sql("postgres", "SELECT pg_reload_conf()").await;
    whole_when("it says why", async || {
        let (status, why) = ready(&world).await;
        status == 503 && why.contains("read-only")
    })
    .await;
    for answer in asked_at_once(&world, &connection).await {
        assert_eq!(answer["ok"], false, "{answer}");
    }
    server.sql("postgres", "ALTER SYSTEM RESET default_transaction_read_only").await;
    server.sql("postgres", "SELECT pg_reload_conf()").await;
    whole_when("a token is handed out", async || world.get(&connection).await["ok"] == true).await;
    server.sql("postgres", "CREATE DATABASE second").await;
    let folder = server.folder.path().display().to_string().replace('/', "%2F");
    let socket = format!("postgres://attache:{ENCODED}@{folder}:{}/second", server.port);
    let by_socket = on(socket).await;
    assert_eq!(ready(&by_socket).await.0, 200);
}
