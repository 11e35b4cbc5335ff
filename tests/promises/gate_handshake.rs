//! A page of the platform that somebody opens after its session token ran out: the gate has the browser renew it, in one round, and
//! nobody else is sent anywhere.

use attache::resource_server::create::ToProtect;
use reqwest::{Method, Url};
use rstest::rstest;

use crate::person::{Page, Person};
use crate::resource_servers::{ResourceServer, create_for};
use crate::session_tokens::{LISTED, ask, with_pages};
use crate::world::{Database, EDITOR, Postgres, Sqlite, World};

const TARGET: &str = "/notes?page=2";
/// As a browser opens a page.
const OPENED: [(&str, &str); 2] = [("sec-fetch-dest", "document"), ("sec-fetch-site", "cross-site")];

async fn stage(database: Database) -> (World, ResourceServer) {
    let world = with_pages(database).await;
    let asks = create_for(&world, ToProtect::Origin(LISTED.to_owned())).await;
    (world, asks)
}

async fn gate(
    world: &World,
    asks: &ResourceServer,
    path: &str,
    target: &str,
    headers: &[(&'static str, &str)],
) -> Page {
    let url = Url::parse(&world.url(path)).expect("a URL");
    let request = world.http.get(url.clone()).header("attache-resource-server", &asks.secret);
    let mut request = request.header("x-forwarded-method", "GET").header("x-forwarded-uri", target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    Page { status, url, headers, text: answer.text().await.expect("text") }
}

async fn opened(world: &World, asks: &ResourceServer, target: &str, cookie: &str) -> Page {
    gate(world, asks, "/v1/authorize", target, &[OPENED[0], OPENED[1], ("cookie", cookie)]).await
}

fn said<'a>(page: &'a Page, name: &str) -> &'a str {
    page.headers.get(name).map_or("", |value| value.to_str().expect("text"))
}

/// `name=value` of a line for `Set-Cookie`.
fn pair(line: &str) -> &str {
    line.split(';').next().expect("a pair")
}

/// The page's address as the browser comes back with it.
async fn back(person: &Person<'_>, to: &str) -> String {
    let back = person.get(to).await.location().expect("the way back");
    assert_eq!(back.origin().ascii_serialization(), LISTED);
    format!("{}?{}", back.path(), back.query().expect("what came back"))
}

#[rstest]
#[tokio::test]
async fn whoever_is_signed_in_comes_back_to_the_same_address_with_a_token_in_one_round(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, asks) = stage(database).await;
    let person = world.signed_in(EDITOR).await;
    let away = opened(&world, &asks, TARGET, "attache_client=1").await;
    assert_eq!((away.status.as_u16(), said(&away, "attache-reason")), (401, "handshake"));
    let to = said(&away, "attache-handshake").to_owned();
    assert!(to.starts_with(&world.url("/v1/session/handshake?return_to=")), "{to}");
    let nonce = pair(said(&away, "attache-set-cookie")).to_owned();
    let target = back(&person, &to).await;
    let returned = opened(&world, &asks, &target, &format!("attache_client=1; {nonce}")).await;
    assert_eq!(said(&returned, "attache-handshake"), format!("{LISTED}{TARGET}"));
    let token = pair(said(&returned, "attache-set-cookie")).to_owned();
    assert_eq!(pair(said(&returned, "attache-set-cookie-2")), "attache_handshake=done");
    let passed = opened(&world, &asks, TARGET, &format!("{token}; attache_handshake=done")).await;
    assert_eq!(passed.status, 200);
    assert!(said(&passed, "attache-subject").starts_with("ac_"));
    // It ran out: sent away once more, and with two pages at once by the same nonce.
    world.clock.advance(61);
    let again = opened(&world, &asks, TARGET, &token).await;
    assert!(said(&again, "attache-handshake").contains("/v1/session/handshake"), "{}", again.text);
    let both = opened(&world, &asks, "/other", &format!("{token}; {nonce}")).await;
    assert_eq!(pair(said(&both, "attache-set-cookie")), nonce);
    // A browser that does not keep the cookie goes in no circle.
    let circle = opened(&world, &asks, TARGET, "attache_client=1; attache_handshake=done").await;
    assert_eq!((circle.status.as_u16(), said(&circle, "attache-handshake")), (401, ""));
    // A proxy that passes on what it is answered.
    let redirect = gate(
        &world,
        &asks,
        "/v1/authorize?handshake=redirect",
        TARGET,
        &[OPENED[0], OPENED[1], ("cookie", "attache_client=1")],
    )
    .await;
    assert_eq!(redirect.status, 307);
    assert!(said(&redirect, "location").starts_with(&world.url("/v1/session/handshake?")));
    assert!(said(&redirect, "set-cookie").starts_with("attache_handshake="));
}

#[rstest]
#[tokio::test]
async fn a_stranger_is_one_after_one_round_and_a_link_of_somebody_else_signs_nobody_in(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, asks) = stage(database).await;
    let away = opened(&world, &asks, TARGET, "attache_client=1").await;
    let nonce = pair(said(&away, "attache-set-cookie")).to_owned();
    let stranger = back(&Person::new(&world), said(&away, "attache-handshake")).await;
    let home = opened(&world, &asks, &stranger, &format!("attache_client=1; {nonce}")).await;
    assert_eq!(said(&home, "attache-handshake"), format!("{LISTED}{TARGET}"));
    let cookies = ["attache-set-cookie", "attache-set-cookie-2", "attache-set-cookie-3"];
    let cookies = cookies.map(|name| pair(said(&home, name)).to_owned());
    assert_eq!(cookies, ["attache_session=", "attache_client=", "attache_handshake=done"]);
    // Somebody signs in, and sends another person the address that they came back to.
    let mallory = world.signed_in(EDITOR).await;
    let planted = back(&mallory, said(&away, "attache-handshake")).await;
    for cookie in ["attache_client=1", "attache_client=1; attache_handshake=anothernonceof20ch", ""] {
        let page = opened(&world, &asks, &planted, cookie).await;
        assert_eq!(
            (page.status.as_u16(), said(&page, "attache-reason")),
            (401, "handshake_failed"),
            "{cookie}"
        );
        assert_eq!((said(&page, "attache-handshake"), said(&page, "attache-set-cookie")), ("", ""));
    }
    let signed_out = format!("{TARGET}&__attache_handshake=signed_out");
    let page = opened(&world, &asks, &signed_out, "attache_client=1").await;
    assert_eq!(said(&page, "attache-reason"), "handshake_failed", "it ends no hint");
    // The session ended on the way.
    ask(&mallory, &world, Method::DELETE, "/v1/session", LISTED).await;
    let ended = opened(&world, &asks, &planted, &nonce).await;
    assert_eq!((ended.status.as_u16(), said(&ended, "attache-handshake")), (401, ""));
}

#[rstest]
#[tokio::test]
async fn each_kind_of_request_is_signed_in_signed_out_or_sent_to_renew(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, asks) = stage(database).await;
    let person = world.signed_in(EDITOR).await;
    let (_, body) = crate::session_tokens::token(&person, &world, crate::session_tokens::TOKENS).await;
    let jwt = body["jwt"].as_str().expect("a token");
    let (good, hint, bearer) =
        (format!("attache_session={jwt}"), "attache_client=1", format!("Bearer {jwt}"));
    let html = "text/html,application/xhtml+xml";
    let table: [(&str, &[(&'static str, &str)]); 19] = [
        ("in", &[("authorization", &bearer)]),
        ("in", &[OPENED[0], ("cookie", &good)]),
        ("in", &[OPENED[0], OPENED[1], ("cookie", &good), ("referer", "https://evil.example/")]),
        ("in", &[("sec-fetch-site", "same-origin"), ("sec-fetch-dest", "empty"), ("cookie", &good)]),
        ("out", &[("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "empty"), ("cookie", &good)]),
        ("out", &[("origin", "https://evil.example"), ("cookie", &good)]),
        ("out", &[("authorization", "Bearer nonsense"), OPENED[0], ("cookie", &good)]),
        ("renew", &[OPENED[0], ("cookie", hint)]),
        ("renew", &[OPENED[0], ("cookie", "attache_session=old")]),
        ("renew", &[("accept", html), ("user-agent", "Old/1"), ("cookie", hint)]),
        (
            "renew",
            &[
                OPENED[0],
                ("cookie", hint),
                ("x-forwarded-host", "app.example.com"),
                ("x-forwarded-proto", "https"),
            ],
        ),
        ("renew", &[OPENED[0], ("cookie", hint), ("cloudfront-forwarded-proto", "https")]),
        ("out", &[OPENED[0], ("cookie", hint), ("x-forwarded-host", "evil.example")]),
        ("out", &[OPENED[0], ("cookie", hint), ("cloudfront-forwarded-proto", "http")]),
        ("out", &[OPENED[0]]),
        ("out", &[("accept", html), ("cookie", hint)]),
        ("out", &[("accept", "application/json"), ("user-agent", "Old/1"), ("cookie", hint)]),
        ("out", &[("sec-fetch-dest", "iframe"), ("cookie", hint)]),
        ("out", &[("sec-fetch-dest", "empty"), ("accept", html), ("cookie", hint)]),
    ];
    for (expected, headers) in table {
        let page = gate(&world, &asks, "/v1/authorize", TARGET, headers).await;
        let renews = !said(&page, "attache-handshake").is_empty();
        let found = match page.status.as_u16() {
            200 => "in",
            401 if renews => "renew",
            401 | 403 => "out",
            status => panic!("{status}: {headers:?}"),
        };
        assert_eq!(found, expected, "{headers:?}");
        assert_eq!(
            found == "in",
            said(&page, "attache-reason").is_empty(),
            "a reason stands there: {headers:?}"
        );
    }
    for target in ["//evil.example/", "/\\evil.example", "https://evil.example/", ""] {
        let page = opened(&world, &asks, target, hint).await;
        assert_eq!((page.status.as_u16(), said(&page, "attache-handshake")), (401, ""), "{target}");
    }
}
