//! Pages of other origins at `/graphql`: those that the operator named may ask and read, and no others.

use attache::config::Config;
use reqwest::{Method, Response};
use rstest::rstest;
use serde_json::json;

use crate::world::{Database, Plan, Postgres, Sqlite, World};

const NAMED: &str = "https://app.example.com";
const SECTION: &str =
    "[graphql]\nallowed_origins = [\"https://app.example.com\", \"http://localhost:5173\"]\n";

async fn with_pages(database: Database) -> World {
    World::planned(database, Plan { more_config: SECTION.to_owned(), ..Plan::default() }).await
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|value| value.to_str().expect("text"))
}

/// Whether a browser would let a page of this origin read the answer.
fn may_read(answer: &Response, origin: &str) -> bool {
    assert!(header(answer, "access-control-allow-credentials").is_none(), "no cookie counts");
    let Some(told) = header(answer, "access-control-allow-origin") else {
        assert!(header(answer, "access-control-expose-headers").is_none());
        return false;
    };
    assert_eq!(told, origin);
    true
}

async fn ask(world: &World, origin: &str, bearer: &str) -> Response {
    let post = world.http.post(world.url("/graphql")).bearer_auth(bearer).header("origin", origin);
    post.json(&json!({ "query": "{ _viewer { __typename } }" })).send().await.expect("an answer")
}

async fn preflight(world: &World, path: &str, origin: &str) -> Response {
    let request = world.http.request(Method::OPTIONS, world.url(path)).header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    let request = request.header("access-control-request-headers", "authorization,content-type,traceparent");
    request.send().await.expect("an answer")
}

#[rstest]
#[tokio::test]
async fn a_page_of_a_named_origin_may_ask_and_read(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_pages(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    for origin in [NAMED, "http://localhost:5173"] {
        let allowed = preflight(&world, "/graphql", origin).await;
        assert_eq!(allowed.status(), 204);
        assert!(may_read(&allowed, origin));
        assert_eq!(header(&allowed, "access-control-allow-methods"), Some("POST"));
        let names = header(&allowed, "access-control-allow-headers").expect("names").to_lowercase();
        for name in ["authorization", "content-type", "*"] {
            assert!(names.split(", ").any(|allowed| allowed == name), "{name}: {names}");
        }
        let answer = ask(&world, origin, &token).await;
        assert_eq!(answer.status(), 200);
        assert!(may_read(&answer, origin));
        assert_eq!(header(&answer, "vary"), Some("Origin"));
        // What is refused is read too, and when to come back.
        let refused = ask(&world, origin, "nonsense").await;
        assert_eq!(refused.status(), 401);
        assert!(may_read(&refused, origin));
        let exposed = header(&refused, "access-control-expose-headers").expect("names");
        assert!(exposed.contains("Retry-After"), "{exposed}");
    }
}

#[rstest]
#[tokio::test]
async fn no_page_of_another_origin_is_told_anything(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_pages(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let near = [
        "https://app.example.com.evil.test",
        "https://evil-app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com/",
        "http://app.example.com",
        "HTTPS://APP.EXAMPLE.COM",
        "https://example.com",
        "null",
        "*",
        "",
    ];
    for origin in near {
        let refused = preflight(&world, "/graphql", origin).await;
        assert_eq!(refused.status(), 405, "{origin}");
        assert!(!may_read(&refused, origin), "{origin}");
        assert!(header(&refused, "access-control-allow-methods").is_none(), "{origin}");
        let answer = ask(&world, origin, &token).await;
        assert!(!may_read(&answer, origin), "{origin}");
        // Or a cache would give a named page what this one got.
        assert_eq!(header(&answer, "vary"), Some("Origin"), "{origin}");
    }
    for path in ["/oauth/token", "/v1/connections", "/api/apps.auth.external.get", "/account/connected-apps"]
    {
        let refused = preflight(&world, path, NAMED).await;
        assert!(!may_read(&refused, NAMED), "{path}");
        assert_eq!(refused.status(), 405, "{path}");
    }
}

#[rstest]
#[tokio::test]
async fn where_no_origin_is_named_no_page_may_ask(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let refused = preflight(&world, "/graphql", NAMED).await;
    assert_eq!(refused.status(), 405);
    for answer in [refused, ask(&world, NAMED, &token).await] {
        assert!(!may_read(&answer, NAMED));
        assert!(header(&answer, "vary").is_none());
    }
}

#[rstest]
#[tokio::test]
async fn a_page_whose_address_has_to_wait_is_told_so_and_may_still_ask_by_a_known_token(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let section = format!("{SECTION}[limits]\nfailures_per_minute = 6\nfailure_burst = 3\n");
    let world = World::planned(database, Plan { more_config: section, ..Plan::default() }).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    assert_eq!(ask(&world, NAMED, &token).await.status(), 200);
    for _ in 0..3 {
        assert_eq!(ask(&world, NAMED, "nonsense").await.status(), 401);
    }
    let refused = ask(&world, NAMED, "nonsense").await;
    assert_eq!((refused.status().as_u16(), may_read(&refused, NAMED)), (429, true));
    assert!(header(&refused, "retry-after").is_some());
    assert_eq!(preflight(&world, "/graphql", NAMED).await.status(), 204);
    assert_eq!(ask(&world, NAMED, &token).await.status(), 200);
}

#[tokio::test]
async fn an_origin_that_no_browser_sends_is_refused_in_the_configuration_with_its_cure() {
    let world = World::new(Sqlite).await;
    let judged = |origin: &str| {
        let section = format!("[graphql]\nallowed_origins = [\"{origin}\"]\n");
        Config::parse(&format!("{}{section}", world.config), Vec::new())
    };
    for good in [NAMED, "http://localhost:5173", "http://127.0.0.1:3000", "https://xn--bcher-kva.example"] {
        assert!(judged(good).is_ok(), "{good}");
    }
    let bad = [
        ("*", "each by its name"),
        ("null", "each by its name"),
        ("", "each by its name"),
        ("app.example.com", "each by its name"),
        ("https://app.example.com/", "write it as https://app.example.com"),
        ("https://app.example.com/page", "write it as https://app.example.com"),
        ("https://App.example.com", "write it as https://app.example.com"),
        ("https://app.example.com:443", "write it as https://app.example.com"),
        ("https://*.example.com", "each by its name"),
        ("http://app.example.com", "must be https"),
    ];
    for (origin, cure) in bad {
        let faults = judged(origin).expect_err(origin);
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(told.len() == 1 && told[0].contains(cure), "{origin}: {told:?}");
        assert!(told[0].starts_with("graphql.allowed_origins"), "{origin}: {told:?}");
    }
}
