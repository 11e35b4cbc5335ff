//! More than can be served: whoever comes then is told so at once, in the wire's own form, and nobody else is slower
//! for it. Waiting for somebody else's server is no work.

use attache::edge;
use attache::load::{Permit, waiting_for};
use attache::sandbox::fault::Fault;
use attache::server::Limits;
use attache::{Broker, router};
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{get, post};
use reqwest::Response;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

use crate::person::Person;
use crate::sockets::{Http2, PATIENCE, SHORT, connect, read, served, short, status};
use crate::world::{Database, EDITOR, Plan, Postgres, Sqlite, World, until};

/// What every wire has: a machine's address, and how its refusals look.
const WIRES: [&str; 5] =
    ["/api/apps.auth.external.get", "/oauth/token", "/graphql", "/v1/connections/Et1/token", "/sign-out"];

async fn crowded(database: Database, places: usize) -> World {
    let more_config = format!("[limits]\nrequests_at_once = {places}\n");
    World::planned(database, Plan { more_config, ..Plan::default() }).await
}

/// Every place there is, taken.
fn take_all(broker: &Broker) -> Vec<Permit> {
    std::iter::from_fn(|| broker.load.enter()).collect()
}

async fn post_to(world: &World, path: &str) -> Response {
    let request = world.http.post(world.url(path)).form(&[("token", "x")]);
    request.send().await.expect("an answer")
}

/// Whether this is a refusal in the form of that path's wire.
fn is_in_form(path: &str, text: &str, slack: &str, oauth: &str, code: &str) -> bool {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    match path {
        "/api/apps.auth.external.get" => json["ok"] == false && json["error"] == slack,
        "/oauth/token" => json["error"] == oauth && json["error_description"].is_string(),
        "/graphql" => json["data"].is_null() && json["errors"][0]["extensions"]["code"] == code,
        "/v1/connections/Et1/token" => json["error"] == code && json["message"].is_string(),
        _ => text.contains("<html") && text.contains("<h1"),
    }
}

#[rstest]
#[tokio::test]
async fn one_request_too_many_is_told_at_once_in_each_wires_own_form_when_to_come_back(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = crowded(database, 3).await;
    let places = take_all(&world.broker);
    assert_eq!(places.len(), 3);
    for path in WIRES {
        let answer = post_to(&world, path).await;
        assert_eq!(answer.status(), 503, "{path}");
        assert_eq!(answer.headers()["retry-after"], "1", "{path}");
        assert!(answer.headers().contains_key("x-request-id"), "{path}");
        let text = answer.text().await.expect("text");
        let in_form = is_in_form(path, &text, "service_unavailable", "temporarily_unavailable", "overloaded");
        assert!(in_form, "{path} {text}");
    }
    drop(places);
    assert_ne!(post_to(&world, WIRES[0]).await.status(), 503);
}

#[rstest]
#[tokio::test]
async fn a_refusal_reads_no_body_and_asks_no_database(#[values(Sqlite, Postgres)] database: Database) {
    let world = crowded(database, 1).await;
    let _places = take_all(&world.broker);
    world.broker.db.pool.close().await;
    let mut stream = connect(world.public_url.trim_start_matches("http://")).await;
    let begin = "POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n";
    stream.write_all(begin.as_bytes()).await.expect("a write");
    let answer = read(&mut stream).await;
    assert!(status(&answer) == Some("503") && answer.contains("temporarily_unavailable"), "{answer}");
}

#[rstest]
#[tokio::test]
async fn the_machine_room_is_never_too_full(#[values(Sqlite, Postgres)] database: Database) {
    let world = crowded(database, 2).await;
    let places = take_all(&world.broker);
    assert_eq!(post_to(&world, WIRES[3]).await.status(), 503);
    for path in ["/healthz", "/readyz"] {
        let answer = world.http.get(format!("{}{path}", world.machine_room)).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
    }
    let metrics = world.http.get(format!("{}/metrics", world.machine_room)).send().await.expect("an answer");
    let metrics = metrics.text().await.expect("text");
    for line in [
        "attache_turned_away_total{reason=\"overloaded\"} 1",
        "attache_requests_working 2",
        "attache_requests_waiting 0",
        "attache_requests_receiving 0",
    ] {
        assert!(metrics.lines().any(|counted| counted == line), "{line}\n{metrics}");
    }
    drop(places);
}

#[rstest]
#[tokio::test]
async fn a_request_that_waits_for_a_hanging_issuer_takes_no_place(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = crowded(database, 1).await;
    let person = Person::new(&world);
    let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    world.issuer.faults().token.next(Fault::Hang);
    let hanging = person.get(callback.as_str());
    let others = async {
        until("it waits for the issuer", async || world.broker.load.waiting_now() > 0).await;
        for _ in 0..20 {
            assert_eq!(world.http.get(world.url("/")).send().await.expect("an answer").status(), 200);
        }
        assert_eq!(world.broker.load.waiting_now(), 1);
    };
    let (page, ()) = tokio::join!(hanging, others);
    assert_eq!(page.status, 503, "{}", page.text);
    assert_eq!((world.broker.load.working_now(), world.broker.load.waiting_now()), (0, 0));
}

/// A route that waits for somebody else, behind the same edge as all others.
fn elsewhere(hang: &CancellationToken) -> Router {
    let hang = hang.clone();
    let waits = move |Path(whom): Path<String>| {
        let hang = hang.clone();
        async move {
            let Ok(_waiting) = waiting_for(&whom) else { return StatusCode::SERVICE_UNAVAILABLE };
            // Two waits at once are one request that waits.
            let _both = waiting_for(&format!("{whom} too"));
            hang.cancelled().await;
            StatusCode::OK
        }
    };
    Router::new().route("/elsewhere/{whom}", get(waits))
}

#[tokio::test]
async fn six_hundred_that_wait_for_a_hanging_issuer_slow_nobody_else_down() {
    let world = crowded(Sqlite, 64).await;
    let hang = CancellationToken::new();
    let waiting = elsewhere(&hang).layer(edge::layer(&world.broker));
    // Long enough for six hundred to be heard on a busy machine.
    let long = PATIENCE * 3;
    let limits =
        Limits { header: long, body: long, answer: long, idle: long, request: long, ..Limits::default() };
    let served = served(waiting.merge(router(world.broker.clone())), limits).await;
    let url = format!("http://{}", served.address);
    let all: Vec<_> =
        (0..600).map(|n| tokio::spawn(world.http.get(format!("{url}/elsewhere/{}", n % 3)).send())).collect();
    until("six hundred wait", async || world.broker.load.waiting_now() == 600).await;
    assert_eq!(world.broker.load.working_now(), 0);
    for _ in 0..50 {
        let key_set = world.http.get(format!("{url}/.well-known/jwks.json"));
        assert_eq!(key_set.send().await.expect("an answer").status(), 200);
    }
    hang.cancel();
    for answer in all {
        assert_eq!(answer.await.expect("a task").expect("an answer").status(), 200);
    }
    assert_eq!((world.broker.load.working_now(), world.broker.load.waiting_now()), (0, 0));
}

#[tokio::test]
async fn there_is_an_end_to_waiting_for_one_and_for_all_and_nobody_else_is_turned_away_for_it() {
    let world = crowded(Sqlite, 2).await;
    let hang = CancellationToken::new();
    let limits = Limits { request: PATIENCE * 3, ..short() };
    let routes = elsewhere(&hang).layer(edge::layer(&world.broker)).merge(router(world.broker.clone()));
    let served = served(routes, limits).await;
    let ask = async |whom: usize| {
        let mut stream = connect(&served.address).await;
        let head = format!("GET /elsewhere/{whom} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("a write");
        stream
    };
    let mut clients = Vec::new();
    for number in 0..32 {
        if number % 8 == 0 && number > 0 {
            // As many as may wait for that one by now.
            until("they wait", async || world.broker.load.waiting_now() == number).await;
            assert_eq!(status(&read(&mut ask(number / 8 - 1).await).await), Some("503"));
        }
        clients.push(ask(number / 8).await);
    }
    until("as many wait as may", async || world.broker.load.waiting_now() == 32).await;
    assert_eq!(status(&read(&mut ask(9).await).await), Some("503"));
    let other = world.http.get(format!("http://{}/", served.address)).send().await.expect("an answer");
    assert_eq!(other.status(), 200);
    // Whoever hangs up waits no longer.
    drop(clients);
    until("nobody waits", async || world.broker.load.waiting_now() == 0).await;
    assert_eq!(world.broker.load.working_now(), 0);
}

#[tokio::test]
async fn a_client_that_is_slow_with_its_body_takes_no_place_and_is_told_what_was_wrong() {
    let world = crowded(Sqlite, 1).await;
    let limits = Limits { body: SHORT * 5, ..short() };
    let served = served(router(world.broker.clone()), limits).await;
    let mut slow = Vec::new();
    for path in WIRES.into_iter().filter(|path| *path != "/sign-out") {
        let mut stream = connect(&served.address).await;
        let begin = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx");
        stream.write_all(begin.as_bytes()).await.expect("a write");
        slow.push((path, stream));
    }
    until("all of them wait", async || world.broker.load.receiving_now() == slow.len()).await;
    let other = world.http.get(format!("http://{}/", served.address)).send().await;
    assert_eq!(other.expect("an answer").status(), 200);
    for (path, mut stream) in slow {
        let answer = read(&mut stream).await;
        assert_eq!(status(&answer), Some("408"), "{path} {answer}");
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        assert!(is_in_form(path, body, "request_timeout", "invalid_request", "too_slow"), "{path} {answer}");
    }
    assert_eq!((world.broker.load.working_now(), world.broker.load.receiving_now()), (0, 0));
}

#[tokio::test]
async fn one_client_with_a_hundred_slow_requests_turns_nobody_away() {
    let world = crowded(Sqlite, 1).await;
    let limits = Limits { body: PATIENCE * 3, header: PATIENCE, idle: PATIENCE, ..short() };
    let served = served(router(world.broker.clone()), limits).await;
    let mut client = Http2::connect(&served.address, &[]).await;
    for number in 0..100 {
        assert!(client.post(number * 2 + 1, "/oauth/token").await);
    }
    until("all of them wait", async || world.broker.load.receiving_now() == 100).await;
    for _ in 0..20 {
        let other = world.http.get(format!("http://{}/", served.address)).send().await;
        assert_eq!(other.expect("an answer").status(), 200);
    }
}

#[tokio::test]
async fn a_request_that_panics_gives_its_place_back_and_is_answered_in_its_wires_own_form() {
    async fn panics() -> &'static str {
        assert!(std::env::args().count() == 0, "on purpose");
        "never"
    }
    let world = crowded(Sqlite, 1).await;
    let routes = WIRES.into_iter().fold(Router::new(), |routes, path| routes.route(path, post(panics)));
    let served = served(routes.layer(edge::layer(&world.broker)), short()).await;
    for path in WIRES {
        let url = format!("http://{}{path}", served.address);
        let answer = world.http.post(url).json(&json!({})).send().await.expect("an answer");
        let text = answer.text().await.expect("text");
        assert!(is_in_form(path, &text, "internal_error", "server_error", "internal_error"), "{path} {text}");
        assert!(!text.contains("on purpose"), "{text}");
    }
    assert_eq!(world.broker.load.working_now(), 0);
}
