//! The machine room: probes and counts, on a listener of its own.

use attache::sandbox::fault::Fault;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{Database, Postgres, Sqlite, World};

async fn ready(world: &World) -> (u16, Value) {
    let answer = world.http.get(format!("{}/readyz", world.machine_room)).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

async fn metrics(world: &World) -> String {
    let asked = world.http.get(format!("{}/metrics", world.machine_room));
    let answer = asked.header("accept", "application/openmetrics-text").send().await.expect("an answer");
    let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    answer.text().await.expect("text")
}

/// The value of one sample.
fn sample(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[rstest]
#[tokio::test]
async fn a_live_process_is_healthy_and_ready(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let healthy = world.http.get(format!("{}/healthz", world.machine_room)).send().await.expect("an answer");
    assert_eq!((healthy.status().as_u16(), healthy.text().await.expect("text").as_str()), (200, "ok\n"));
    assert_eq!(ready(&world).await, (200, json!({ "status": "ready", "issuers": {} })));
}

#[rstest]
#[tokio::test]
async fn a_process_that_drains_is_healthy_but_not_ready(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    world.broker.draining.cancel();
    let (status, body) = ready(&world).await;
    assert_eq!((status, &body["what"]), (503, &json!("draining")));
    let healthy = world.http.get(format!("{}/healthz", world.machine_room)).send().await.expect("an answer");
    assert_eq!(healthy.status(), 200);
}

#[rstest]
#[tokio::test]
async fn without_its_database_a_process_is_not_ready_and_everybody_is_told_so(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    world.broker.db.pool.close().await;
    world.broker.held.forget_all();
    let (status, body) = ready(&world).await;
    assert_eq!((status, &body["what"]), (503, &json!("database")));
    assert_eq!(world.get(&connection).await["error"], "internal_error");
    let v1 = world.v1_token(&connection, &json!({})).await;
    assert_eq!((v1.status().as_u16(), v1.headers()["retry-after"].to_str().ok()), (503, Some("5")));
    let exchanged = world.exchange(&[("subject_token", &token)]).await;
    assert!(exchanged.headers().contains_key("retry-after"));
    crate::world::refused(exchanged, 503, "temporarily_unavailable").await;
    let viewer = world.viewer(&token).await;
    assert_eq!(viewer.status(), 503);
    assert!(viewer.json::<Value>().await.expect("JSON")["errors"].is_array());
    let page = world.http.get(world.url("/account/connected-apps")).send().await.expect("an answer");
    let (status, text) = (page.status(), page.text().await.expect("text"));
    assert_ne!(status, 200, "{text}");
}

#[rstest]
#[tokio::test]
async fn an_issuer_in_trouble_is_named_and_keeps_nobody_from_being_ready(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    world.issuer.faults().discovery.always(Fault::status(500));
    let (status, body) = ready(&world).await;
    assert_eq!((status, &body["status"]), (200, &json!("degraded")));
    assert!(body["issuers"]["sandbox"].is_string(), "{body}");
}

#[rstest]
#[tokio::test]
async fn what_is_done_is_counted(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let before = metrics(&world).await;
    assert!(before.ends_with("# EOF\n"), "{before}");
    assert_eq!(sample(&before, "attache_hand_outs_total{result=\"ok\"}"), None);
    let token = world.access_token(&connection).await;
    world.access_token(&connection).await;
    assert_eq!(world.exchange(&[("subject_token", &token)]).await.status(), 200);
    world.http.get(world.url("/no/such/page?secret=x")).send().await.expect("an answer");
    let after = metrics(&world).await;
    assert_eq!(sample(&after, "attache_hand_outs_total{result=\"ok\"}"), Some(2.0));
    assert_eq!(sample(&after, "attache_exchanges_total{strategy=\"mint\"}"), Some(1.0));
    let path = "attache_http_requests_total{route=\"/api/apps.auth.external.get\",status=\"200\"}";
    assert_eq!(sample(&after, path), Some(2.0), "{after}");
    // Anybody can invent a path; none of them makes a series.
    assert!(!after.contains("no/such/page") && !after.contains(&connection), "{after}");
    assert_eq!(
        sample(&after, "attache_http_requests_total{route=\"other\",status=\"404\"}"),
        Some(1.0),
        "{after}"
    );
}

#[rstest]
#[tokio::test]
async fn a_refresh_is_counted_by_how_it_ended(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.clock.advance(crate::world::LIFETIME + 1);
    world.access_token(&connection).await;
    let text = metrics(&world).await;
    let counted: Vec<&str> =
        text.lines().filter(|line| line.starts_with("attache_refreshes_total{")).collect();
    assert_eq!(counted.len(), 1, "{text}");
    assert!(counted[0].ends_with(" 1"), "{text}");
}

#[rstest]
#[tokio::test]
async fn the_public_listener_has_no_machine_room(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = world.http.get(world.url(path)).send().await.expect("an answer");
        assert_eq!(answer.status(), 404, "{path}");
    }
    for path in ["/", "/account/connected-apps", "/oauth/token", "/api/apps.auth.external.get"] {
        let url = format!("{}{path}", world.machine_room);
        assert_eq!(world.http.get(url).send().await.expect("an answer").status(), 404, "{path}");
    }
}

#[tokio::test]
async fn metrics_come_in_the_format_that_is_asked_for() {
    let world = World::new(Sqlite).await;
    world.access_token(&world.connection().await).await;
    let url = format!("{}/metrics", world.machine_room);
    for (accept, open) in [
        ("*/*", false),
        ("text/plain;version=0.0.4", false),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1", true),
        ("application/openmetrics-text;q=0.1,text/plain;q=0.9", false),
        ("application/openmetrics-text;q=0", false),
    ] {
        let answer = world.http.get(&url).header("accept", accept).send().await.expect("an answer");
        let kind = answer.headers()["content-type"].to_str().expect("a text").to_owned();
        let text = answer.text().await.expect("a text");
        let expected =
            if open { "application/openmetrics-text; version=1.0.0" } else { "text/plain; version=0.0.4" };
        assert!(kind.starts_with(expected), "{accept}: {kind}");
        assert_eq!(text.ends_with("# EOF\n"), open, "{accept}");
        let named =
            if open { "# TYPE attache_hand_outs counter" } else { "# TYPE attache_hand_outs_total counter" };
        assert!(text.contains(named), "{accept}: {text}");
    }
}
