//! Session tokens: pages of the platform get short-lived tokens of whoever is signed in in their browser, and nobody else
//! does.

use std::collections::BTreeSet;

use attache::clock::Timestamp;
use attache::config::Config;
use reqwest::{Method, Url};
use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::person::{Page, Person};
use crate::verifier::Verifier;
use crate::world::{Database, EDITOR, Plan, Postgres, READER, Sqlite, World};

pub const LISTED: &str = "https://app.example.com";
pub const TOKENS: &str = "/v1/session/tokens";
pub const SECTIONS: &str = r#"
[session_tokens]
allowed_origins = ["https://app.example.com", "http://localhost:5173"]

[templates.hasura]
preset = "hasura"
lifetime_seconds = 120
audience = "https://hasura.test/"
[templates.hasura.claims]
x-hasura-default-role = "user"
x-hasura-allowed-roles = ["user"]
x-hasura-user-id = "{{user.id}}"
"#;

pub async fn with_pages(database: Database) -> World {
    World::planned(database, Plan { more_config: SECTIONS.to_owned(), ..Plan::default() }).await
}

/// As a page of this origin asks, in this person's browser.
pub async fn ask(person: &Person<'_>, world: &World, method: Method, path: &str, origin: &str) -> Page {
    let url = Url::parse(&world.url(path)).expect("a URL");
    let site = if origin == world.public_url { "same-origin" } else { "same-site" };
    let request = world.http.request(method, url.clone()).header("origin", origin);
    person.send(request.header("sec-fetch-site", site), url).await
}

pub async fn token(person: &Person<'_>, world: &World, path: &str) -> (Page, Value) {
    let page = ask(person, world, Method::POST, path, LISTED).await;
    let body = serde_json::from_str(&page.text).unwrap_or_else(|_| panic!("JSON: {}", page.text));
    (page, body)
}

async fn verified(world: &World, body: &Value) -> Map<String, Value> {
    let mut verifier = Verifier::default();
    verifier.look(world, &world.public_url).await;
    let jwt = body["jwt"].as_str().unwrap_or_else(|| panic!("a token: {body}"));
    verifier.verify(jwt, world.clock.now()).expect("verified")
}

fn header<'a>(page: &'a Page, name: &str) -> Option<&'a str> {
    page.headers.get(name).map(|value| value.to_str().expect("text"))
}

#[rstest]
#[tokio::test]
async fn a_page_of_the_platform_is_given_a_token_of_a_minute_that_says_who_is_signed_in(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = with_pages(database).await;
    let person = world.signed_in(EDITOR).await;
    let (page, body) = token(&person, &world, TOKENS).await;
    assert_eq!(page.status, 200, "{body}");
    assert_eq!((&body["object"], &body["expires_in"]), (&json!("token"), &json!(60)));
    assert_eq!(header(&page, "cache-control"), Some("no-store"));
    let claims = verified(&world, &body).await;
    let now = world.clock.now().unix();
    let account =
        world.column("SELECT id FROM accounts WHERE subject = $1", EDITOR).await.expect("an account");
    let expected = json!({
        "iss": world.public_url, "aud": world.public_url, "sub": account, "sid": claims["sid"], "azp": LISTED,
        "iat": now, "nbf": now - 5, "exp": now + 60, "jti": claims["jti"],
    });
    assert_eq!(Value::Object(claims.clone()), expected);
    // The session is the same one, and no token is given twice.
    let (_, again) = token(&person, &world, TOKENS).await;
    let again = verified(&world, &again).await;
    assert_eq!(again["sid"], claims["sid"]);
    assert_ne!(again["jti"], claims["jti"]);
    let other = world.signed_in(EDITOR).await;
    let (_, other) = token(&other, &world, TOKENS).await;
    assert_ne!(verified(&world, &other).await["sid"], claims["sid"], "another browser, another session");
    // Our own pages are a page of the platform too.
    let own = ask(&person, &world, Method::POST, TOKENS, &world.public_url).await;
    let own: Value = serde_json::from_str(&own.text).expect("JSON");
    assert_eq!(verified(&world, &own).await["azp"], json!(world.public_url));
}

#[rstest]
#[tokio::test]
async fn what_is_no_cookie_cannot_be_learnt_from_a_token(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_pages(database).await;
    let person = world.signed_in(EDITOR).await;
    let (_, body) = token(&person, &world, TOKENS).await;
    let claims = verified(&world, &body).await;
    let session = claims["sid"].as_str().and_then(|sid| sid.strip_prefix("se_")).expect("a session");
    let thief = Person::new(&world);
    for cookie in [session, claims["sid"].as_str().expect("text"), body["jwt"].as_str().expect("text")] {
        thief.set_cookie("attache", cookie);
        assert_eq!(ask(&thief, &world, Method::POST, TOKENS, LISTED).await.status, 401);
    }
    // It is no bearer of ours either.
    let jwt = body["jwt"].as_str().expect("text");
    for path in ["/v1/connections", "/v1/session"] {
        let answer = world.http.get(world.url(path)).bearer_auth(jwt).header("origin", LISTED).send().await;
        let text = answer.expect("an answer").text().await.expect("text");
        assert!(!text.contains("ac_"), "{path}: {text}");
    }
    assert_eq!(world.viewer(jwt).await.status(), 401);
}

#[rstest]
#[tokio::test]
async fn a_template_gives_its_own_token_and_an_unknown_one_none(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = with_pages(database).await;
    let person = world.signed_in(EDITOR).await;
    let (page, body) = token(&person, &world, "/v1/session/tokens/hasura").await;
    assert_eq!((page.status.as_u16(), &body["expires_in"]), (200, &json!(120)));
    let claims = verified(&world, &body).await;
    assert_eq!((&claims["aud"], &claims["azp"]), (&json!("https://hasura.test/"), &json!(LISTED)));
    assert_eq!(claims["https://hasura.io/jwt/claims"]["x-hasura-user-id"], claims["sub"]);
    assert!(claims.get("sid").is_none(), "it may outlive the session");
    for name in ["hasur", "Hasura", "a%00b", "hasura%20"] {
        let (page, body) = token(&person, &world, &format!("{TOKENS}/{name}")).await;
        assert_eq!((page.status.as_u16(), &body["error"]), (404, &json!("template_not_found")), "{name}");
    }
}

#[rstest]
#[tokio::test]
async fn a_session_that_has_ended_gives_no_token_from_then_on(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = with_pages(database).await;
    let person = world.signed_in(EDITOR).await;
    let cookie = person.cookie("attache").expect("a cookie");
    let ended = ask(&person, &world, Method::DELETE, "/v1/session", LISTED).await;
    assert_eq!(ended.status, 200, "{}", ended.text);
    let body: Value = serde_json::from_str(&ended.text).expect("JSON");
    let there = body["sign_out_url"].as_str().expect("the issuer's");
    assert!(there.starts_with(world.issuer.url()), "{there}");
    person.set_cookie("attache", &cookie);
    for path in [TOKENS, "/v1/session/tokens/hasura"] {
        let (page, body) = token(&person, &world, path).await;
        assert_eq!((page.status.as_u16(), &body["error"]), (401, &json!("signed_out")));
    }
    let nobody = ask(&person, &world, Method::GET, "/v1/session", LISTED).await;
    assert_eq!(nobody.text, r#"{"session":null,"user":null}"#);
    // Whoever is signed out already stays so.
    let again = ask(&person, &world, Method::DELETE, "/v1/session", LISTED).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (200, r#"{"sign_out_url":null}"#));
    // A page that is asked next signs nobody in without asking the issuer anew.
    let start = person.get("/sign-in").await.location().expect("the issuer");
    assert!(start.query_pairs().any(|pair| pair == ("prompt".into(), "login".into())), "{start}");
    // Somebody else's session goes on, and so does a deleted account's not.
    let reader = world.signed_in(READER).await;
    assert_eq!(token(&reader, &world, TOKENS).await.0.status, 200);
}

#[rstest]
#[tokio::test]
async fn a_token_ends_with_its_session(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_pages(database).await;
    let person = world.signed_in(EDITOR).await;
    let shown = ask(&person, &world, Method::GET, "/v1/session", LISTED).await;
    let shown: Value = serde_json::from_str(&shown.text).expect("JSON");
    let ends = shown["session"]["expires_at"].as_i64().expect("a time");
    world.clock.advance(ends - world.clock.now().unix() - 20);
    let (_, body) = token(&person, &world, TOKENS).await;
    assert_eq!(body["expires_in"], 20);
    assert_eq!(verified(&world, &body).await["exp"], ends);
    world.clock.advance(21);
    assert_eq!(token(&person, &world, TOKENS).await.0.status, 401);
    assert!(Timestamp::from_unix(ends) < world.clock.now());
}

#[rstest]
#[tokio::test]
async fn who_is_signed_in_is_told_to_pages_of_the_platform(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_pages(database).await;
    let person = world.signed_in(EDITOR).await;
    let shown = ask(&person, &world, Method::GET, "/v1/session", LISTED).await;
    let shown: Value = serde_json::from_str(&shown.text).expect("JSON");
    let (_, body) = token(&person, &world, TOKENS).await;
    let claims = verified(&world, &body).await;
    assert_eq!((&shown["session"]["id"], &shown["user"]["id"]), (&claims["sid"], &claims["sub"]));
    assert_eq!(shown["user"]["name"], "Demo Editor");
    let members: BTreeSet<&str> =
        shown["user"].as_object().expect("a user").keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["email", "id", "name", "picture"]));
}

#[rstest]
#[tokio::test]
async fn only_pages_of_listed_origins_may_ask_and_read(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_pages(database).await;
    let person = world.signed_in(EDITOR).await;
    let url = |path: &str| Url::parse(&world.url(path)).expect("a URL");
    let preflight = async |origin: &str, path: &str| {
        let request = world.http.request(Method::OPTIONS, url(path)).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        Person::new(&world)
            .send(request.header("access-control-request-headers", "content-type"), url(path))
            .await
    };
    for origin in [LISTED, "http://localhost:5173"] {
        let allowed = preflight(origin, TOKENS).await;
        assert_eq!(allowed.status, 204);
        for page in [allowed, ask(&person, &world, Method::POST, TOKENS, origin).await] {
            assert_eq!(header(&page, "access-control-allow-origin"), Some(origin));
            assert_eq!(header(&page, "access-control-allow-credentials"), Some("true"));
            assert_eq!(header(&page, "vary"), Some("Origin"));
        }
    }
    // What is refused can be read too, and when to come back.
    let nobody = ask(&Person::new(&world), &world, Method::POST, TOKENS, LISTED).await;
    assert_eq!((nobody.status.as_u16(), header(&nobody, "access-control-allow-origin")), (401, Some(LISTED)));
    let wrong = ask(&person, &world, Method::PUT, TOKENS, LISTED).await;
    assert_eq!((wrong.status.as_u16(), header(&wrong, "access-control-allow-origin")), (405, Some(LISTED)));
    for origin in [
        "https://evil.example",
        "null",
        "https://app.example.com.evil.example",
        "https://sub.app.example.com",
    ] {
        for page in
            [preflight(origin, TOKENS).await, ask(&person, &world, Method::POST, TOKENS, origin).await]
        {
            assert_eq!(page.status, 403, "{origin}");
            assert_eq!(header(&page, "vary"), Some("Origin"));
            for name in ["access-control-allow-origin", "access-control-allow-credentials"] {
                assert_eq!(header(&page, name), None, "{origin}: {name}");
            }
            assert!(!page.text.contains("jwt"), "{origin}");
        }
        let ended = ask(&person, &world, Method::DELETE, "/v1/session", origin).await;
        assert_eq!(ended.status, 403, "{origin}");
    }
    // A form of another page, and no page at all.
    let form = person.post_with(TOKENS, &[], &[("origin", "https://evil.example")]).await;
    let bare = person.post_with(TOKENS, &[], &[]).await;
    let other_site =
        person.post_with(TOKENS, &[], &[("origin", LISTED), ("sec-fetch-site", "cross-site")]).await;
    for page in [form, bare, other_site] {
        assert_eq!(page.status, 403);
        assert!(page.says("origin_not_allowed"), "{}", page.text);
    }
    assert_eq!(ask(&person, &world, Method::POST, TOKENS, LISTED).await.status, 200, "still signed in");
    // The rest of the surface is read by no page.
    let machines = preflight(LISTED, "/v1/connections").await;
    assert_eq!(header(&machines, "access-control-allow-origin"), None);
}

#[rstest]
#[tokio::test]
async fn a_session_that_asks_too_often_waits_and_no_other_does(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let more = format!("{SECTIONS}\n[limits]\nsession_tokens_per_minute = 3\n");
    let world = World::planned(database, Plan { more_config: more, ..Plan::default() }).await;
    let person = world.signed_in(EDITOR).await;
    for _ in 0..3 {
        assert_eq!(token(&person, &world, TOKENS).await.0.status, 200);
    }
    let (page, body) = token(&person, &world, TOKENS).await;
    assert_eq!((page.status.as_u16(), &body["error"]), (429, &json!("rate_limited")));
    assert!(header(&page, "retry-after").is_some());
    assert_eq!(header(&page, "access-control-allow-origin"), Some(LISTED));
    let elsewhere = world.signed_in(EDITOR).await;
    assert_eq!(token(&elsewhere, &world, TOKENS).await.0.status, 200);
    world.clock.advance(20);
    assert_eq!(token(&person, &world, TOKENS).await.0.status, 200);
}

#[rstest]
#[tokio::test]
async fn a_body_that_asks_for_anything_is_refused(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_pages(database).await;
    let person = world.signed_in(EDITOR).await;
    let url = Url::parse(&world.url(TOKENS)).expect("a URL");
    for (body, status) in
        [("", 200), ("{}", 200), ("[]", 400), ("{\"resource\":\"x\"}", 400), ("nonsense", 400)]
    {
        let request = world.http.post(url.clone()).header("origin", LISTED).body(body);
        assert_eq!(person.send(request, url.clone()).await.status, status, "{body}");
    }
    let long = world.http.post(url.clone()).header("origin", LISTED).body("x".repeat(70_000));
    assert_eq!(person.send(long, url.clone()).await.status, 413);
}

#[rstest]
#[tokio::test]
async fn where_no_origin_is_listed_only_our_own_pages_may_ask(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    assert_eq!(ask(&person, &world, Method::POST, TOKENS, LISTED).await.status, 403);
    assert_eq!(ask(&person, &world, Method::POST, TOKENS, &world.public_url).await.status, 200);
}

#[tokio::test]
async fn what_pages_or_verifiers_could_not_use_is_refused_in_the_configuration() {
    let world = World::new(Sqlite).await;
    let judged = |lines: &str| {
        let text = format!("{}\n[session_tokens]\n{lines}\n", world.config);
        let faults = Config::parse(&text, []).err().unwrap_or_default();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let good =
        "allowed_origins = [\"https://app.example.com\", \"http://localhost:5173\"]\nlifetime_seconds = 30";
    assert_eq!(judged(good), Vec::<String>::new());
    for (line, key) in [
        ("allowed_origins = [\"*\"]", "allowed_origins"),
        ("allowed_origins = [\"https://*.example.com\"]", "allowed_origins"),
        ("allowed_origins = [\"https://app.example.com/\"]", "allowed_origins"),
        ("allowed_origins = [\"http://app.example.com\"]", "allowed_origins"),
        ("allowed_origins = [\"null\"]", "allowed_origins"),
        ("lifetime_seconds = 29", "lifetime_seconds"),
        ("lifetime_seconds = 301", "lifetime_seconds"),
        ("audience = \" \"", "audience"),
        ("algorithm = \"none\"", "algorithm"),
        ("unknown = 1", "session_tokens"),
    ] {
        let faults = judged(line);
        assert!(faults.len() == 1 && faults[0].contains(key), "{line}: {faults:?}");
    }
}
