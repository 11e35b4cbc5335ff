//! How often who may ask: one API key, one address that guesses, one address that begins sign-ins. Whoever asks too
//! often is told when to come back, and nobody else is the worse for it.

use attache::error::Error;
use reqwest::{RequestBuilder, Response};
use rstest::rstest;
use serde_json::Value;

use crate::world::{Database, EDITOR, Plan, Postgres, Sqlite, World};

pub async fn limited(database: Database, limits: &str) -> World {
    limited_behind(database, "", limits).await
}

/// With the loopback address as a trusted proxy, so that each test can come from wherever it likes.
pub async fn behind_a_proxy(database: Database, limits: &str) -> World {
    limited_behind(database, "[listen]\ntrusted_proxies = [\"127.0.0.1\"]\n", limits).await
}

async fn limited_behind(database: Database, listen: &str, limits: &str) -> World {
    let more_config = format!("{listen}[limits]\n{limits}\n");
    World::planned(database, Plan { more_config, ..Plan::default() }).await
}

pub fn guess(world: &World, path: &str) -> RequestBuilder {
    world.http.post(world.url(path)).bearer_auth("ak_guessed")
}

pub async fn sent(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

/// Uses up the failures of an address, three of them.
pub async fn use_up(world: &World, from: &str) {
    for _ in 0..3 {
        let answer = sent(guess(world, "/v1/connections/Et1/token").header("x-forwarded-for", from)).await;
        assert_eq!(answer.status(), 401);
    }
}

pub const THREE: &str = "failures_per_minute = 6\nfailure_burst = 3";

#[rstest]
#[tokio::test]
async fn an_address_that_guesses_waits_in_each_wires_own_form_before_anything_is_looked_up(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = limited(database, THREE).await;
    use_up(&world, "").await;
    world.broker.db.pool.close().await;
    let paths = ["/api/apps.auth.external.get", "/oauth/token", "/graphql", "/v1/connections/Et1/token"];
    for path in paths {
        let answer = sent(guess(&world, path)).await;
        assert_eq!(answer.status(), 429, "{path}");
        assert_eq!(answer.headers()["retry-after"], "10", "{path}");
        let body: Value = answer.json().await.expect("JSON");
        let told = match path {
            "/api/apps.auth.external.get" => body["ok"] == false && body["error"] == "ratelimited",
            "/oauth/token" => body["error"] == "temporarily_unavailable",
            "/graphql" => body["data"].is_null() && body["errors"][0]["extensions"]["code"] == "rate_limited",
            _ => body["error"] == "rate_limited" && body["retry_after"] == 10,
        };
        assert!(told, "{path} {body}");
    }
    // What anybody may read, and what people see, is no guess.
    for path in ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server"] {
        assert_eq!(sent(world.http.get(world.url(path))).await.status(), 200, "{path}");
    }
    let metrics = sent(world.http.get(format!("{}/metrics", world.machine_room))).await;
    let metrics = metrics.text().await.expect("text");
    assert!(metrics.contains("attache_turned_away_total{reason=\"failures\"} 4"), "{metrics}");
}

#[rstest]
#[tokio::test]
async fn every_refused_credential_counts_and_nothing_else_does(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = limited(database, "failures_per_minute = 1\nfailure_burst = 1").await;
    let (id, key) = world.caller().await;
    let exchange = |id: &str, key: &str| world.exchange_as(id, key, &[("subject_token", "guessed")]);
    let v1 = || world.http.post(world.url("/v1/connections/Et1/token"));
    let slack = || world.http.post(world.url("/api/apps.auth.external.get"));
    let refused = [
        v1(),
        v1().bearer_auth("ak_guessed"),
        slack(),
        slack().form(&[("token", "ak_guessed")]),
        exchange(&id, "ak_guessed"),
        exchange("ca_guessed", &key),
        guess(&world, "/graphql").json(&serde_json::json!({ "query": "{ _viewer { __typename } }" })),
    ];
    for request in refused {
        let again = guess(&world, "/v1/connections/Et1/token");
        let what = format!("{request:?}");
        sent(request).await;
        assert_eq!(sent(again).await.status(), 429, "{what}");
        world.clock.advance(60);
    }
    let counts_not = [
        v1().bearer_auth(&key),
        slack().bearer_auth(&key).form(&[("external_token_id", "Et1")]),
        slack().header("content-type", "application/json").body("{"),
        exchange(&id, &key).form(&[("grant_type", "password")]),
        exchange(&id, &key),
        world.http.get(world.url("/nothing/here")),
    ];
    for request in counts_not {
        let what = format!("{request:?}");
        sent(request).await;
        assert_ne!(sent(v1().bearer_auth(&key).body("x")).await.status(), 429, "{what}");
    }
}

#[rstest]
#[tokio::test]
async fn whoever_waits_long_enough_may_try_again(#[values(Sqlite, Postgres)] database: Database) {
    let world = limited(database, THREE).await;
    let status = async || sent(guess(&world, "/v1/connections/Et1/token")).await.status().as_u16();
    use_up(&world, "").await;
    assert_eq!(status().await, 429);
    // One each ten seconds.
    world.clock.advance(9);
    assert_eq!(status().await, 429);
    world.clock.advance(1);
    assert_eq!((status().await, status().await), (401, 429));
    world.clock.advance(60);
    use_up(&world, "").await;
    assert_eq!(status().await, 429);
}

#[rstest]
#[tokio::test]
async fn a_guesser_locks_out_no_key_that_was_good_within_the_hour(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = limited(database, THREE).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    assert_eq!(world.exchange(&[("subject_token", &token)]).await.status(), 200);
    assert_eq!(world.viewer(&token).await.status(), 200);
    let (_, other_key) = world.make_caller("newcomer", &[crate::world::APP]).await;
    use_up(&world, "").await;
    // The same address, and its credentials as good as ever: on each wire.
    world.access_token(&connection).await;
    assert_eq!(world.exchange(&[("subject_token", &token)]).await.status(), 200);
    assert_eq!(world.viewer(&token).await.status(), 200);
    let path = format!("/v1/connections/{connection}/token");
    // Nobody knows this one yet: it waits like the guesser, and not for long.
    let newcomer = || world.http.post(world.url(&path)).bearer_auth(&other_key);
    assert_eq!(sent(newcomer()).await.status(), 429);
    world.clock.advance(10);
    assert_eq!(sent(newcomer()).await.status(), 200);
}

#[rstest]
#[tokio::test]
async fn a_key_that_was_good_once_and_is_revoked_gets_past_the_wait_once_at_the_most(
    #[values(Sqlite, Postgres)] database: Database,
) {
    use attache::operator::{Command, run};
    let world = limited(database, THREE).await;
    let connection = world.connection().await;
    world.access_token(&connection).await;
    use_up(&world, "").await;
    let (_, key) = world.caller().await;
    let key_id = key.split('_').nth(1).expect("the key's id").to_owned();
    run(&world.broker, Command::RevokeKey { id: key_id }).await.expect("a revoke");
    let status = async || world.v1_token(&connection, &serde_json::json!({})).await.status().as_u16();
    assert_eq!((status().await, status().await), (401, 429));
}

#[rstest]
#[tokio::test]
async fn a_key_is_admitted_as_often_as_is_configured(#[values(Sqlite, Postgres)] database: Database) {
    let world = limited(database, "key_per_second = 2\nkey_burst = 5").await;
    let limits = &world.broker.limits;
    assert_eq!((0..10).filter(|_| limits.admit_key("ak_one").is_ok()).count(), 5);
    let refused = limits.admit_key("ak_one").expect_err("one too many");
    assert!(matches!(refused, Error::RateLimited { retry_after: 1, .. }), "{refused:?}");
    // Another key is another matter.
    assert!(limits.admit_key("ak_two").is_ok());
    world.clock.advance(1);
    assert_eq!((0..10).filter(|_| limits.admit_key("ak_one").is_ok()).count(), 2);
    world.clock.advance(3600);
    limits.sweep();
    assert_eq!((0..10).filter(|_| limits.admit_key("ak_one").is_ok()).count(), 5);
}

#[rstest]
#[tokio::test]
async fn a_rate_of_nothing_is_no_limit(#[values(Sqlite, Postgres)] database: Database) {
    let limits = "key_per_second = 0\nfailures_per_minute = 0\nsign_ins_per_minute = 0";
    let world = limited(database, limits).await;
    assert!((0..10_000).all(|_| world.broker.limits.admit_key("ak_one").is_ok()));
    for _ in 0..70 {
        assert_eq!(sent(guess(&world, "/v1/connections/Et1/token")).await.status(), 401);
        assert_eq!(sent(world.http.get(world.url("/sign-in"))).await.status(), 303);
    }
}

#[rstest]
#[tokio::test]
async fn sign_ins_are_begun_as_often_as_is_configured_and_then_a_page_says_to_wait(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = limited(database, "sign_ins_per_minute = 3").await;
    let person = world.signed_in(EDITOR).await;
    for _ in 0..2 {
        assert_eq!(sent(world.http.get(world.url("/sign-in"))).await.status(), 303);
    }
    let rows = world.rows("sessions").await;
    let page = sent(world.http.get(world.url("/sign-in"))).await;
    assert_eq!(
        (page.status().as_u16(), &page.headers()["retry-after"]),
        (429, &"20".parse().expect("a value"))
    );
    let text = page.text().await.expect("text");
    assert!(text.contains("<h1") && text.contains("Try again in 20 seconds"), "{text}");
    assert_eq!(world.rows("sessions").await, rows, "nothing is written for whoever has to wait");
    // Who is signed in begins nothing.
    assert_eq!(person.get("/sign-in").await.status, 303);
    world.clock.advance(20);
    assert_eq!(sent(world.http.get(world.url("/sign-in"))).await.status(), 303);
}

#[rstest]
#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own_count(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = behind_a_proxy(database, THREE).await;
    let status = async |header: &'static str, from: &str| {
        sent(guess(&world, "/v1/connections/Et1/token").header(header, from)).await.status().as_u16()
    };
    use_up(&world, "203.0.113.9").await;
    assert_eq!(status("x-forwarded-for", "203.0.113.9").await, 429);
    // Whatever a client writes itself stands further left.
    assert_eq!(status("x-forwarded-for", "198.51.100.1, 203.0.113.9").await, 429);
    assert_eq!(status("forwarded", "for=\"203.0.113.9:4711\";proto=https").await, 429);
    assert_eq!(status("x-forwarded-for", "203.0.113.8").await, 401);
    use_up(&world, "2001:db8::1").await;
    assert_eq!(status("x-forwarded-for", "2001:db8::ffff:1").await, 429);
    assert_eq!(status("x-forwarded-for", "2001:db8:0:1::1").await, 401);
}

#[rstest]
#[tokio::test]
async fn nobody_else_is_believed_about_addresses(#[values(Sqlite, Postgres)] database: Database) {
    let world = limited(database, THREE).await;
    for from in ["203.0.113.1", "203.0.113.2", "203.0.113.3"] {
        use_up(&world, from).await;
        assert_eq!(sent(guess(&world, "/oauth/token")).await.status(), 429);
        world.clock.advance(60);
    }
}
