//! The edges: malformed addresses, wrong methods, bodies that are too large. Each wire answers in its own form,
//! and nothing is ever our fault.

use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::person::Page;
use crate::world::{APP, Database, EDITOR, Postgres, Sqlite, World};

/// In what form an address answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Page,
    Slack,
    OAuth,
    GraphQl,
    V1,
}

/// Just more than what is read of a body.
const LARGE: usize = 64 * 1024;

fn assert_speaks(wire: Wire, page: &Page) {
    let kind = page.headers["content-type"].to_str().expect("a text");
    if wire == Wire::Page {
        assert_eq!(kind, "text/html; charset=utf-8", "{}: {}", page.url, page.text);
        assert!(page.says("<h1>") && page.says("href=\"/"), "{}: {}", page.url, page.text);
        let id = page.headers["x-request-id"].to_str().expect("an id");
        assert!(page.says(id), "{}: no id to quote", page.url);
        return;
    }
    assert_eq!(kind, "application/json", "{}: {}", page.url, page.text);
    let body: Value = serde_json::from_str(&page.text).expect("JSON");
    let fits = match wire {
        Wire::Slack => body["ok"] == false && body["error"].is_string(),
        Wire::OAuth => body["error"].is_string() && body["error_description"].is_string(),
        Wire::GraphQl => body["errors"][0]["message"].is_string(),
        Wire::V1 => body["error"].is_string() && body["message"].is_string(),
        Wire::Page => false,
    };
    assert!(fits, "{}: {body}", page.url);
}

#[rstest]
#[case("/connect/%FF")]
#[case("/connect/%00")]
#[case("/connect/%FF/callback")]
#[case("/connect/content-writer%00")]
#[case("/connect/content-writer?connection=%00")]
#[case("/connect/content-writer?connection=%FF")]
#[case("/connect/content-writer?redirect_uri=%00")]
#[case("/connect/content-writer?state=%00")]
#[case("/connect/content-writer/callback")]
#[case("/connect/content-writer/callback?code=%00&state=%00")]
#[case("/connect/content-writer/callback?code=%FF&state=%FF&iss=%FF")]
#[case("/connect/content-writer/callback?%")]
#[case("/connect/")]
#[case("/connect/a/b/c")]
#[case("/connect/..%2f..%2fetc%2fpasswd")]
#[case("/sign-in?return_to=%FF%00")]
#[case("/sign-in/callback?state=%00&code=%00")]
#[case("/sign-in/callback?error=%00&state=%00")]
#[case("/account/connected-apps/%00")]
#[case("/account/connected-apps/%FF")]
#[case("/account/connected-apps/Et%00")]
#[case("/account/connected-apps/Et%0d%0aset-cookie:a=b")]
#[case("/account/connected-apps/%27%20OR%201=1--")]
#[case("/account/connected-apps/%3Cscript%3E")]
#[case("/account/connected-apps?q=%00")]
#[case("/account/connected-apps?q=%FF%FE")]
#[case("/account/connected-apps?q=%25%5F%5C")]
#[case("/account/connected-apps?q=%3Cscript%3E&q=%22")]
#[case("/account/connected-apps?after=-1")]
#[case("/account/connected-apps?after=9223372036854775807")]
#[case("/account/connected-apps?after=99999999999999999999999")]
#[case("/account/connected-apps?after=%00&connected=%00&stopped=%00")]
#[case("/account/connected-apps?connected=%FF&stopped=Et%00")]
#[case("/account/connected-apps?%%%&&==&=")]
#[case("/%00")]
#[case("/%FF")]
#[case("/%2e%2e/%2e%2e/etc/passwd")]
#[case("/assets/..%2fattache.db")]
#[case("/assets/nothing.css")]
#[tokio::test]
async fn a_malformed_address_is_a_page_and_never_our_fault(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] path: &str,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let cookie = person.cookie("attache").expect("a session");
    let request = head(&world, "GET", path, &format!("cookie: {}={cookie}\r\n", person.session_cookie()));
    let page = raw(&world, &request).await.expect("an answer");
    assert!(!page.status.is_server_error(), "{path}: {} {}", page.status, page.text);
    assert!(!page.says("<script"), "{path}: {}", page.text);
    let cookies = page.headers.get_all("set-cookie").iter();
    assert!(cookies.into_iter().all(|cookie| cookie.as_bytes().starts_with(b"attache-")), "{path}");
    if page.status.is_client_error() {
        assert_speaks(Wire::Page, &page);
    }
    assert_eq!(person.get("/account/connected-apps").await.status, 200, "the server lives on");
}

#[rstest]
#[tokio::test]
async fn malformed_revokes_are_pages_that_change_nothing(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let csrf = person.get("/account/connected-apps").await.csrf();
    for id in ["%00", "Et%00", "%FF", "'%20OR%201=1--", &"E".repeat(4000), &connection.to_lowercase()] {
        let page = person.post(&format!("/account/connected-apps/{id}/revoke"), &[("csrf", &csrf)]).await;
        assert!(page.status == 404 || page.status == 400, "{id}: {}", page.status);
        assert_speaks(Wire::Page, &page);
    }
    assert_eq!(world.status(&connection).await, "active");
}

#[rstest]
#[tokio::test]
async fn a_long_address_is_refused_quickly(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let long = "a".repeat(16 * 1024);
    let paths = [
        (format!("/connect/{long}"), 404),
        (format!("/account/connected-apps/Et{long}"), 404),
        (format!("/account/connected-apps?q={long}"), 200),
        (format!("/{long}"), 404),
        (format!("/sign-in/callback?state={long}&code=1"), 400),
        (format!("/connect/{APP}/callback?state={long}&code=1"), 400),
    ];
    for (path, status) in paths {
        let page = person.get(&path).await;
        assert_eq!(page.status, status, "{}", page.text.len());
        assert!(page.text.len() < 40_000, "the address comes back whole");
    }
    // Beyond what the header reader takes, the connection is answered and closed; the server lives on.
    let answer = raw(&world, &head(&world, "GET", &format!("/{}", "a".repeat(600_000)), "")).await;
    assert!(answer.is_none_or(|page| page.status == 414 || page.status == 431));
    assert_eq!(person.get("/").await.status, 200);
}

#[rstest]
#[case("/", Wire::Page)]
#[case("/sign-in", Wire::Page)]
#[case("/sign-in/callback", Wire::Page)]
#[case("/sign-out", Wire::Page)]
#[case("/account/connected-apps", Wire::Page)]
#[case("/account/connected-apps/Et0", Wire::Page)]
#[case("/account/connected-apps/Et0/revoke", Wire::Page)]
#[case("/connect/content-writer", Wire::Page)]
#[case("/connect/content-writer/callback", Wire::Page)]
#[case("/api/apps.auth.external.get", Wire::Slack)]
#[case("/api/apps.auth.external.delete", Wire::Slack)]
#[case("/oauth/token", Wire::OAuth)]
#[case("/.well-known/oauth-authorization-server", Wire::OAuth)]
#[case("/.well-known/jwks.json", Wire::OAuth)]
#[case("/graphql", Wire::GraphQl)]
#[case("/v1/connections/Et0/token", Wire::V1)]
#[tokio::test]
async fn a_wrong_method_is_told_in_the_wires_own_form(#[case] path: &str, #[case] wire: Wire) {
    let world = World::new(Sqlite).await;
    let person = world.signed_in(EDITOR).await;
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let url = url::Url::parse(&world.url(path)).expect("a URL");
        let page = person.send(world.http.request(method.clone(), url.clone()), url).await;
        assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}: {}", page.text);
        assert!(page.headers.contains_key("allow"), "{method} {path}: nobody learns what is allowed");
        assert_speaks(wire, &page);
    }
}

#[rstest]
#[case("/connect/content-writer", Wire::Page)]
#[case("/sign-out", Wire::Page)]
#[case("/account/connected-apps/Et0/revoke", Wire::Page)]
#[case("/api/apps.auth.external.get", Wire::Slack)]
#[case("/api/apps.auth.external.delete", Wire::Slack)]
#[case("/oauth/token", Wire::OAuth)]
#[case("/graphql", Wire::GraphQl)]
#[case("/v1/connections/Et0/token", Wire::V1)]
#[tokio::test]
async fn a_body_that_is_too_large_is_told_in_the_wires_own_form(
    #[case] path: &str,
    #[case] wire: Wire,
    #[values(false, true)] chunked: bool,
) {
    let world = World::new(Sqlite).await;
    let person = world.signed_in(EDITOR).await;
    let (_, key) = world.caller().await;
    let bearer = match wire {
        Wire::GraphQl => world.access_token(&person.connect(APP).await).await,
        _ => key,
    };
    let kind = if wire == Wire::GraphQl { "application/json" } else { "application/x-www-form-urlencoded" };
    let cookie = person.cookie("attache").expect("a session");
    let body = format!("a={}", "a".repeat(LARGE));
    // Without a length beforehand the limit must hold while reading.
    let (length, body) = if chunked {
        ("transfer-encoding: chunked".to_owned(), format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()))
    } else {
        (format!("content-length: {}", body.len()), body)
    };
    let more = format!(
        "cookie: {}={cookie}\r\nauthorization: Bearer {bearer}\r\ncontent-type: {kind}\r\n\
         origin: {}\r\n{length}\r\n",
        person.session_cookie(),
        world.public_url
    );
    let page = raw(&world, &format!("{}{body}", head(&world, "POST", path, &more))).await.expect("an answer");
    assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}: {}", page.text);
    assert_speaks(wire, &page);
}

#[rstest]
#[case("/nowhere", Wire::Page, 404)]
#[case("/account", Wire::Page, 404)]
#[case("/account/connected-apps/", Wire::Page, 404)]
#[case("/connect", Wire::Page, 404)]
#[case("/api/apps.auth.external.nothing", Wire::Slack, 200)]
#[case("/api/", Wire::Slack, 200)]
#[case("/oauth/nothing", Wire::OAuth, 404)]
#[case("/.well-known/nothing", Wire::OAuth, 404)]
#[case("/v1/nothing", Wire::V1, 404)]
#[case("/v1/connections/Et0/nothing", Wire::V1, 404)]
#[tokio::test]
async fn an_unknown_address_is_told_in_the_wires_own_form(
    #[case] path: &str,
    #[case] wire: Wire,
    #[case] status: u16,
    #[values(Method::GET, Method::POST)] method: Method,
) {
    let world = World::new(Sqlite).await;
    let person = world.signed_in(EDITOR).await;
    let url = url::Url::parse(&world.url(path)).expect("a URL");
    let page = person.send(world.http.request(method, url.clone()), url).await;
    assert_eq!(page.status, status, "{}", page.text);
    assert_speaks(wire, &page);
}

/// A request head, written as it stands: a URL library would tidy it.
fn head(world: &World, method: &str, path: &str, more: &str) -> String {
    let address = world.public_url.trim_start_matches("http://");
    format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{more}\r\n")
}

/// What is answered to these bytes; None when the server closes without an answer.
async fn raw(world: &World, request: &str) -> Option<Page> {
    let address = world.public_url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    // The server may have answered and closed before it has read everything.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, text) = answer.split_once("\r\n\r\n")?;
    let (first, lines) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = first.split(' ').nth(1)?.parse().expect("a status");
    let mut headers = HeaderMap::new();
    for (name, value) in lines.split("\r\n").filter_map(|line| line.split_once(": ")) {
        headers.append(HeaderName::try_from(name).expect("a name"), value.parse().expect("a value"));
    }
    Some(Page { status, url: world.url("/").parse().expect("a URL"), headers, text: text.to_owned() })
}

#[rstest]
#[tokio::test]
async fn a_long_list_is_shown_page_by_page_each_app_once(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let first = person.connect(APP).await;
    let mut expected = std::collections::BTreeSet::from([first.clone()]);
    for number in 0..120 {
        let id = format!("EtMANY{number:04}");
        let insert = "INSERT INTO connections (id, account_id, app_id, external_issuer, external_subject, status, \
                granted_scopes, requested_scopes, generation, fence, failures, connected_at, updated_at) \
            SELECT CAST($1 AS TEXT), account_id, app_id, external_issuer, CAST($2 AS TEXT), CAST($3 AS TEXT), '', '', \
                1, 0, 0, connected_at - CAST($4 AS BIGINT), updated_at FROM connections WHERE id = $5";
        world
            .change(
                sqlx::query(insert)
                    .bind(&id)
                    .bind(&id)
                    .bind(if number % 50 == 0 { "needs_reconnect" } else { "active" })
                    .bind(number % 7)
                    .bind(&first),
            )
            .await;
        expected.insert(id);
    }
    let mut next = Some("/account/connected-apps".to_owned());
    let mut seen = Vec::new();
    while let Some(path) = next {
        let page = person.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let links = page.text.split("href=\"/account/connected-apps/").skip(1);
        seen.extend(links.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        let more =
            page.text.split("href=\"/account/connected-apps?").nth(1).and_then(|rest| rest.split('"').next());
        next = more.map(|query| {
            format!("/account/connected-apps?{}", query.replace("&#38;", "&").replace("&amp;", "&"))
        });
    }
    assert_eq!(seen.len(), expected.len(), "some app is missing or stands twice");
    assert_eq!(seen.into_iter().collect::<std::collections::BTreeSet<_>>(), expected);
}
