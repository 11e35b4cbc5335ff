//! The accept loop: whoever dawdles is let go, nobody's fault ends the process, and what runs may end.

use attache::server::Limits;
use axum::routing::get;
use rstest::rstest;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::sockets::{PATIENCE, connect, read, routes, served, short, status, talk};
use crate::world::{Database, Postgres, Sqlite, World};

#[rstest]
#[case::nothing("")]
#[case::half_a_line("GET / HT")]
#[case::half_a_preface_of_http_2("PRI * HTTP/2.0\r\n")]
#[case::half_a_header("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")]
#[tokio::test]
async fn a_header_that_never_ends_is_not_waited_for(#[case] text: &str) {
    let served = served(routes(), short()).await;
    let answer = talk(&served.address, text).await;
    assert_ne!(status(&answer), Some("200"), "{answer}");
    assert_eq!(status(&talk(&served.address, "GET / HTTP/1.0\r\n\r\n").await), Some("200"));
}

#[tokio::test]
async fn a_body_that_never_ends_is_not_waited_for() {
    let served = served(routes(), short()).await;
    let begin = "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc";
    let answer = talk(&served.address, begin).await;
    assert!(status(&answer).is_none_or(|status| status.starts_with('4')), "{answer}");
    assert_eq!(status(&talk(&served.address, "GET / HTTP/1.0\r\n\r\n").await), Some("200"));
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_answer() {
    let served = served(routes(), short()).await;
    let answer = talk(&served.address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(status(&answer), Some("200"), "{answer}");
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn a_kept_connection_serves_request_after_request() {
    let served = served(routes(), short()).await;
    let twice = "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(talk(&served.address, twice).await.matches("hello").count(), 2);
}

#[tokio::test]
async fn an_answer_that_takes_for_ever_is_a_time_out() {
    let served = served(routes(), short()).await;
    let answer = talk(&served.address, "GET /hang HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(matches!(status(&answer), Some("408" | "503")), "{answer}");
}

#[tokio::test]
async fn one_connection_too_many_is_told_at_once_when_to_come_back() {
    let served = served(routes(), Limits { connections: 1, ..short() }).await;
    let mut first = TcpStream::connect(&served.address).await.expect("a connection");
    first.write_all(b"GET / HTTP/1.1\r\n").await.expect("a write");
    let refused = talk(&served.address, "").await;
    assert!(status(&refused) == Some("503") && refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    // The first never finishes its header, and is let go.
    assert!(!read(&mut first).await.contains("200 OK"));
    let served_again = async {
        while status(&talk(&served.address, "GET / HTTP/1.0\r\n\r\n").await) != Some("200") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, served_again).await.expect("its turn");
}

#[tokio::test]
async fn one_connection_too_many_hears_it_whatever_it_has_sent_by_then() {
    let served = served(routes(), Limits { connections: 1, idle: PATIENCE, ..short() }).await;
    let mut first = connect(&served.address).await;
    first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("a write");
    let begin = "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n";
    let whole = format!("{begin}{}", "x".repeat(40_000));
    for _ in 0..20 {
        let refused = talk(&served.address, &whole).await;
        assert_eq!(status(&refused), Some("503"), "{refused}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_not_answered_with_a_page() {
    let served = served(routes(), short()).await;
    for text in
        ["\u{0}\u{1}\u{2}\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\u{16}\u{3}\u{1}hello\r\n\r\n"]
    {
        let answer = talk(&served.address, text).await;
        assert_ne!(status(&answer), Some("200"), "{text:?}");
    }
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(1 << 20));
    let mut stream = TcpStream::connect(&served.address).await.expect("a connection");
    // The server may hang up before it has read all of it.
    let _ = stream.write_all(many.as_bytes()).await;
    assert_ne!(status(&read(&mut stream).await), Some("200"));
    assert_eq!(status(&talk(&served.address, "GET / HTTP/1.0\r\n\r\n").await), Some("200"));
}

#[tokio::test]
async fn a_drain_lets_a_running_request_end_and_takes_no_new_one() {
    let (begun, mut has_begun) = mpsc::channel::<()>(1);
    let go_on = CancellationToken::new();
    let wait = go_on.clone();
    let slow = move || {
        let (begun, wait) = (begun.clone(), wait.clone());
        async move {
            begun.send(()).await.expect("somebody waits");
            wait.cancelled().await;
            "done"
        }
    };
    let served = served(routes().route("/slow", get(slow)), Limits::default()).await;
    let address = served.address.clone();
    let running = tokio::spawn(async move { talk(&address, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await });
    has_begun.recv().await.expect("the request has begun");
    served.draining.cancel();
    // The listener is gone as soon as the loop has seen it.
    let refused = async {
        while TcpStream::connect(&served.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("no new connection");
    assert!(!served.ended.is_finished());
    go_on.cancel();
    let answer = running.await.expect("an answer");
    assert!(status(&answer) == Some("200") && answer.ends_with("done"), "{answer}");
    tokio::time::timeout(PATIENCE, served.ended).await.expect("an end").expect("a quiet end");
}

#[rstest]
#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_in_each_wires_own_form(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let large = "x".repeat(200_000);
    let form = format!("token={large}");
    let post = async |path: &str| {
        let request = world.http.post(world.url(path)).bearer_auth(&token).body(form.clone());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    let (status, slack) = post("/api/apps.auth.external.get").await;
    assert!(matches!(status, 200 | 413) && slack.contains("\"ok\":false"), "{status} {slack}");
    let (status, oauth) = post("/oauth/token").await;
    assert!(status == 413 && oauth.contains("\"error\":\"too_large\""), "{status} {oauth}");
    let (status, graphql) = post("/graphql").await;
    assert!(status == 413 && graphql.contains("\"errors\""), "{status} {graphql}");
    let (_, key) = world.caller().await;
    let v1 = world.http.post(world.url(&format!("/v1/connections/{connection}/token"))).bearer_auth(key);
    let v1 = v1.body(large.clone()).send().await.expect("an answer");
    assert_eq!(v1.status(), 413);
    assert_eq!(v1.json::<serde_json::Value>().await.expect("JSON")["error"], "too_large");
    let (status, page) = post("/sign-out").await;
    assert!((400..500).contains(&status) && page.contains("<html"), "{status} {page}");
}

#[tokio::test]
async fn a_handler_that_panics_ends_one_connection_and_no_more() {
    async fn panics() -> &'static str {
        assert!(std::env::args().count() == 0, "on purpose");
        "never"
    }
    let served = served(routes().route("/panic", get(panics)), short()).await;
    let answer = talk(&served.address, "GET /panic HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_ne!(status(&answer), Some("200"), "{answer}");
    assert_eq!(status(&talk(&served.address, "GET / HTTP/1.0\r\n\r\n").await), Some("200"));
}

#[rstest]
#[tokio::test]
async fn what_breaks_inside_is_a_page_with_an_id_and_a_way_back_and_tells_no_detail(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(crate::world::EDITOR).await;
    world.change(sqlx::query("DROP TABLE content_tokens")).await;
    world.change(sqlx::query("ALTER TABLE connections RENAME TO lost")).await;
    let page = person.get("/account/connected-apps").await;
    assert_eq!(page.status, 503, "{}", page.text);
    let id = page.headers["x-request-id"].to_str().expect("text");
    assert!(page.says(id) && page.says("href=\"/account/connected-apps\""), "{}", page.text);
    for detail in ["SELECT", "relation", "no such table", "sqlx", "lost"] {
        assert!(!page.says(detail), "{}", page.text);
    }
    assert_eq!(world.get("Et00000000000000000000").await["error"], "internal_error");
    assert_eq!(world.http.get(world.url("/")).send().await.expect("an answer").status(), 200);
}
