//! Session tokens that come back: the backend behind the platform's pages asks about them, by introspection or at the gate, and
//! is told nothing good once the session has ended.

use reqwest::{Method, Url};
use rstest::rstest;
use serde_json::{Value, json};

use attache::operator::{Command, run};
use attache::resource_server::create::ToProtect;

use crate::person::{Page, Person};
use crate::resource_servers::{
    ResourceServer, ask as introspect_at, content_token, create, create_for, introspect,
};
use crate::session_tokens::{LISTED, TOKENS, ask, token, with_pages};
use crate::world::{Database, EDITOR, Postgres, Sqlite, World};

const OTHER: &str = "http://localhost:5173";

async fn of_pages(world: &World) -> ResourceServer {
    create_for(world, ToProtect::Origin(LISTED.to_owned())).await
}

/// A request as a proxy passes it on to the gate.
async fn gate(world: &World, asks: &ResourceServer, method: &str, headers: &[(&'static str, &str)]) -> Page {
    let url = Url::parse(&world.url("/v1/authorize")).expect("a URL");
    let mut request = world.http.get(url.clone()).header("attache-resource-server", &asks.secret);
    request = request.header("x-forwarded-method", method).header("x-forwarded-uri", "/api/foo");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    Page { status, url, headers, text: answer.text().await.expect("text") }
}

fn said<'a>(page: &'a Page, name: &str) -> &'a str {
    page.headers.get(name).map_or("", |value| value.to_str().expect("text"))
}

async fn jwt(person: &Person<'_>, world: &World) -> String {
    let (_, body) = token(person, world, TOKENS).await;
    body["jwt"].as_str().unwrap_or_else(|| panic!("a token: {body}")).to_owned()
}

#[rstest]
#[tokio::test]
async fn a_session_token_is_active_until_its_session_ends_and_then_at_once_not(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = with_pages(database).await;
    let asks = of_pages(&world).await;
    let person = world.signed_in(EDITOR).await;
    let jwt = jwt(&person, &world).await;
    let told = introspect(&world, &asks, &jwt).await;
    assert_eq!(
        (&told["active"], &told["azp"], &told["iss"]),
        (&json!(true), &json!(LISTED), &json!(world.public_url))
    );
    let bearer = format!("Bearer {jwt}");
    let passed = gate(&world, &asks, "POST", &[("authorization", &bearer), ("attache-app", "forged")]).await;
    assert_eq!(passed.status, 200);
    assert_eq!(said(&passed, "attache-subject"), told["sub"].as_str().expect("text"));
    assert_eq!(said(&passed, "attache-session"), told["sid"].as_str().expect("text"));
    for name in ["attache-app", "attache-caller", "attache-connection", "attache-scope", "attache-operation"]
    {
        assert_eq!(said(&passed, name), "none", "{name}");
    }
    let replica = world.replica().await;
    ask(&person, &world, Method::DELETE, "/v1/session", LISTED).await;
    for url in [&replica.url, &world.public_url] {
        let told: Value = introspect_at(&world, url, &asks, &jwt).await.json().await.expect("JSON");
        assert_eq!(told, json!({ "active": false }));
    }
    let refused = gate(&world, &asks, "GET", &[("authorization", &bearer)]).await;
    assert_eq!((refused.status.as_u16(), said(&refused, "attache-reason")), (401, "invalid_token"));
}

#[rstest]
#[tokio::test]
async fn each_resource_server_is_told_of_its_own_tokens_alone(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = with_pages(database).await;
    let connection = world.connection().await;
    let person = world.signed_in(EDITOR).await;
    let (of_content, of_pages) = (create(&world).await, of_pages(&world).await);
    let elsewhere = create_for(&world, ToProtect::Origin(OTHER.to_owned())).await;
    let (session, content) = (jwt(&person, &world).await, content_token(&world, &connection, &[]).await);
    let (_, templated) = token(&person, &world, "/v1/session/tokens/hasura").await;
    let templated = templated["jwt"].as_str().expect("a token");
    let nothing = json!({ "active": false });
    assert_eq!(introspect(&world, &of_pages, &session).await["active"], json!(true));
    assert_eq!(introspect(&world, &of_content, &content).await["active"], json!(true));
    for (asks, token) in [
        (&of_content, session.as_str()),
        (&elsewhere, &session),
        (&of_pages, &content),
        (&of_pages, templated),
        (&of_content, templated),
        (&of_pages, "nonsense"),
        (&of_pages, &format!("{session}x")),
    ] {
        assert_eq!(introspect(&world, asks, token).await, nothing);
        let bearer = format!("Bearer {token}");
        assert_eq!(gate(&world, asks, "GET", &[("authorization", &bearer)]).await.status, 401);
    }
    // A session ends as a whole.
    let revoke = world.http.post(world.url("/oauth/revoke")).basic_auth(&of_pages.id, Some(&of_pages.secret));
    let refused = revoke.form(&[("token", &session)]).send().await.expect("an answer");
    let refused: Value = refused.json().await.expect("JSON");
    assert_eq!(refused["error"], "unsupported_token_type");
    assert_eq!(introspect(&world, &of_pages, &session).await["active"], json!(true));
    world.clock.advance(61);
    assert_eq!(introspect(&world, &of_pages, &session).await, nothing, "it ran out");
    let listed = run(&world.broker, Command::ListResourceServers).await.expect("a list").lines;
    assert!(listed.iter().any(|line| line.contains(&of_pages.id) && line.contains(LISTED)), "{listed:?}");
    for origin in ["https://evil.example", "", "https://app.example.com/", "\u{0}"] {
        let wanted = ToProtect::Origin(origin.to_owned());
        let refused =
            run(&world.broker, Command::CreateResourceServer { wanted }).await.expect_err("refused");
        assert_eq!(refused.answer().1, "invalid_request", "{origin:?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_cookie_alone_counts_only_where_no_other_page_made_the_request(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = with_pages(database).await;
    let asks = of_pages(&world).await;
    let person = world.signed_in(EDITOR).await;
    let jwt = jwt(&person, &world).await;
    let cookie = format!("theme=dark; attache_session={jwt}; x=y");
    let sent = async |method: &str, headers: &[(&'static str, &str)]| {
        let all: Vec<_> = headers.iter().copied().chain([("cookie", cookie.as_str())]).collect();
        let page = gate(&world, &asks, method, &all).await;
        (page.status.as_u16(), said(&page, "attache-reason").to_owned())
    };
    let passed = (200, String::new());
    let cross = (403, "cross_origin".to_owned());
    for method in ["GET", "POST", "DELETE"] {
        assert_eq!(sent(method, &[("sec-fetch-site", "same-origin")]).await, passed, "{method}");
        assert_eq!(sent(method, &[("origin", LISTED)]).await, passed, "{method}");
        assert_eq!(
            sent(method, &[("sec-fetch-site", "cross-site"), ("origin", OTHER)]).await,
            cross,
            "{method}"
        );
        assert_eq!(sent(method, &[("sec-fetch-site", "same-site")]).await, cross, "{method}");
        assert_eq!(sent(method, &[("origin", "null")]).await, cross, "{method}");
    }
    let link = [("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "document")];
    assert_eq!(sent("GET", &link).await, passed, "somebody followed a link");
    assert_eq!(sent("POST", &link).await, cross, "somebody else's form");
    assert_eq!(sent("POST", &[]).await, cross);
    assert_eq!(sent("GET", &[]).await, passed);
    // A method that is overridden counts as it will be carried out.
    assert_eq!(sent("GET", &[("x-http-method-override", "DELETE")]).await, cross);
    // A bearer goes first, good or not, and a header that stands twice says nothing.
    let bad = [("authorization", "Bearer nonsense"), ("sec-fetch-site", "same-origin")];
    assert_eq!(sent("GET", &bad).await, (401, "invalid_token".to_owned()));
    assert_eq!(
        sent("POST", &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]).await,
        cross
    );
    ask(&person, &world, Method::DELETE, "/v1/session", LISTED).await;
    assert_eq!(sent("GET", &[("sec-fetch-site", "same-origin")]).await, (401, "invalid_token".to_owned()));
    let bare = gate(&world, &asks, "GET", &[]).await;
    assert_eq!((bare.status.as_u16(), said(&bare, "attache-reason")), (401, "token_required"));
}

#[rstest]
#[tokio::test]
async fn a_browser_that_is_sent_for_a_token_comes_back_with_one_to_the_page_it_came_from(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = with_pages(database).await;
    let person = world.signed_in(EDITOR).await;
    let page = "https://app.example.com/a?b=c&d=%20e";
    let path = |return_to: &str, nonce: &str| {
        let encoded: String = url::form_urlencoded::byte_serialize(return_to.as_bytes()).collect();
        format!("/v1/session/handshake?return_to={encoded}&nonce={nonce}")
    };
    let back = person.get(&path(page, "n-1_x")).await;
    assert_eq!(back.status, 303);
    let there = back.location().expect("a way back");
    assert!(there.as_str().starts_with("https://app.example.com/a?"), "{there}");
    let told: Vec<(String, String)> = there.query_pairs().into_owned().collect();
    let told_of = |name: &str| told.iter().find(|(told, _)| told == name).map(|(_, value)| value.clone());
    assert_eq!((told_of("b").as_deref(), told_of("d").as_deref()), (Some("c"), Some(" e")));
    let jwt = told_of("__attache_handshake").expect("a token");
    let asks = of_pages(&world).await;
    let told = introspect(&world, &asks, &jwt).await;
    assert_eq!(
        (&told["active"], &told["nonce"], &told["azp"]),
        (&json!(true), &json!("n-1_x"), &json!(LISTED))
    );
    let nobody = Person::new(&world).get(&path(page, "n")).await.location().expect("a way back");
    assert!(nobody.as_str().ends_with("__attache_handshake=signed_out"), "{nobody}");
    for evil in [
        "https://evil.example/",
        "https://app.example.com.evil.example/",
        "https://app.example.com@evil.example/",
        "//app.example.com/",
        "/account/connected-apps",
        "javascript:alert(1)",
        "",
    ] {
        let refused = person.get(&path(evil, "n")).await;
        assert_eq!((refused.status.as_u16(), refused.location()), (400, None), "{evil}");
    }
    for nonce in ["", "a%20b", &"n".repeat(129), "%0d%0a"] {
        assert_eq!(person.get(&path(page, nonce)).await.status, 400, "{nonce}");
    }
    assert_eq!(person.get("/v1/session/handshake").await.status, 400);
    let told: Value = introspect(&world, &asks, "signed_out").await;
    assert_eq!(told, json!({ "active": false }));
}
