//! What every page carries: headers, cookies, and addresses that come from the configuration alone.

use reqwest::header::HeaderMap;
use rstest::rstest;

use crate::person::{Page, Person};
use crate::world::{APP, Database, EDITOR, Postgres, READER, Sqlite, World};

const HTTPS: &str = "https://attache.sandbox.test";

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    let mut values = headers.get_all(name).iter();
    let value = values.next().unwrap_or_else(|| panic!("no {name}")).to_str().expect("a text");
    assert!(values.next().is_none(), "{name} stands twice");
    value
}

/// The directive's sources.
fn policy<'h>(headers: &'h HeaderMap, directive: &str) -> Vec<&'h str> {
    let policy = header(headers, "content-security-policy");
    let found = policy.split(';').map(str::trim).find_map(|part| part.strip_prefix(&format!("{directive} ")));
    found.unwrap_or_else(|| panic!("no {directive} in {policy}")).split(' ').collect()
}

fn assert_dressed(page: &Page) {
    let headers = &page.headers;
    assert_eq!(policy(headers, "default-src"), ["'none'"]);
    assert_eq!(policy(headers, "frame-ancestors"), ["'none'"]);
    assert_eq!(policy(headers, "base-uri"), ["'none'"]);
    assert_eq!(policy(headers, "style-src"), ["'self'"]);
    let whole = header(headers, "content-security-policy");
    assert!(!whole.contains("unsafe") && !whole.contains("script-src") && !whole.contains('*'), "{whole}");
    assert_eq!(header(headers, "x-content-type-options"), "nosniff");
    assert_eq!(header(headers, "referrer-policy"), "same-origin");
    assert_eq!(header(headers, "cache-control"), "no-store");
    assert!(header(headers, "x-request-id").len() >= 16);
    if page.status != 303 {
        assert_eq!(header(headers, "content-type"), "text/html; charset=utf-8");
        let inline = ["<script", "style=\"", "onclick", "onload", "javascript:", "src=\"http", "href=\"//"];
        for text in inline {
            assert!(!page.says(text), "{text} on {}", page.url);
        }
    }
}

#[rstest]
#[tokio::test]
async fn every_page_is_dressed_against_a_hostile_web(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let nobody = Person::new(&world);
    let person = world.signed_in(EDITOR).await;
    let id = person.connect(APP).await;
    let consent = format!("/connect/{APP}");
    let detail = format!("/account/connected-apps/{id}");
    for path in
        ["/", "/sign-in", "/sign-in/callback", "/account/connected-apps", &consent, &detail, "/nowhere"]
    {
        for browser in [&nobody, &person] {
            let page = browser.get(path).await;
            assert_dressed(&page);
            assert!(page.status.as_u16() < 500, "{path}");
        }
    }
    let forged = [
        person.post("/sign-out", &[]).await,
        person.post(&consent, &[]).await,
        person.post(&format!("{detail}/revoke"), &[]).await,
        person.post("/", &[]).await,
        person.get("/account/connected-apps/Et00000000000000000000").await,
    ];
    forged.iter().for_each(assert_dressed);
    let stopped = person.stop(&id).await;
    assert_dressed(&stopped);
    assert_dressed(&person.get(&detail).await);
}

#[rstest]
#[tokio::test]
async fn no_form_leads_elsewhere_by_itself(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let id = person.connect(APP).await;
    let (consent, detail) = (format!("/connect/{APP}"), format!("/account/connected-apps/{id}"));
    for path in [&consent, "/account/connected-apps", &detail, "/nowhere", "/sign-in/callback"] {
        let page = person.get(path).await;
        assert_eq!(policy(&page.headers, "form-action"), ["'self'"], "{path}");
    }
}

#[rstest]
#[tokio::test]
async fn our_cookies_are_for_us_alone(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let answer = world.http.get(world.url("/sign-in")).send().await.expect("an answer");
    let cookie = header(answer.headers(), "set-cookie");
    let person = Person::new(&world);
    assert!(cookie.starts_with(&format!("{}-sign-in-", person.session_cookie())), "{cookie}");
    assert_attributes(cookie, false);
    assert!(!answer.headers().contains_key("strict-transport-security"));
    // The session's comes with the sign-in, beside what marks the browser.
    let answer = person.sign_in(EDITOR).await;
    for (name, there) in [("", true), ("-browser", true), ("-signed-out", false)] {
        let begin = format!("{}{name}=", person.session_cookie());
        let mut cookies = answer.headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
        let cookie = cookies.find(|cookie| cookie.starts_with(&begin));
        assert_eq!(cookie.is_some(), there, "{begin}");
        if let Some(cookie) = cookie {
            assert_attributes(cookie, false);
        }
    }
    // Looking at the front page sets none.
    let front = world.http.get(world.url("/")).send().await.expect("an answer");
    assert!(!front.headers().contains_key("set-cookie"));
}

fn assert_attributes(cookie: &str, secure: bool) {
    let attributes: Vec<&str> = cookie.split(';').skip(1).map(str::trim).collect();
    for wanted in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(attributes.contains(&wanted), "no {wanted} in {cookie}");
    }
    assert_eq!(attributes.contains(&"Secure"), secure, "{cookie}");
    assert!(!cookie.contains("Domain="), "{cookie}");
}

#[rstest]
#[tokio::test]
async fn on_https_the_cookie_is_bound_to_the_host_and_http_is_over(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let https = world.process(&world.config.replace(&world.public_url, HTTPS)).await;
    // As a proxy that ended TLS asks.
    let get =
        |path: &str| world.http.get(format!("{}{path}", https.url)).header("host", "attache.sandbox.test");
    let answer = get("/sign-in").send().await.expect("an answer");
    assert_eq!(answer.status(), 303);
    let cookie = header(answer.headers(), "set-cookie");
    assert!(cookie.starts_with("__Host-attache-sign-in-"), "{cookie}");
    assert_attributes(cookie, true);
    let authorize = header(answer.headers(), "location");
    assert!(
        authorize.contains("redirect_uri=https%3A%2F%2Fattache.sandbox.test%2Fsign-in%2Fcallback"),
        "{authorize}"
    );
    for path in ["/", "/nowhere", "/api/nowhere", "/.well-known/jwks.json", "/assets/attache.css"] {
        let answer = get(path).send().await.expect("an answer");
        let sure = header(answer.headers(), "strict-transport-security");
        assert!(sure.contains("max-age=31536000"), "{sure}");
    }
    // The unprefixed name of the loopback is no session here.
    let person = world.signed_in(EDITOR).await;
    let id = person.cookie("attache").expect("a session");
    for (name, landed) in [("__Host-attache", "/account/connected-apps"), ("attache", world.issuer.url())] {
        let again = get("/sign-in").header("cookie", format!("{name}={id}")).send().await.expect("an answer");
        assert!(header(again.headers(), "location").starts_with(landed), "{name}");
    }
}

#[rstest]
#[tokio::test]
async fn what_a_request_says_of_its_host_builds_no_address(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let lies = [
        ("host", "evil.test"),
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("forwarded", "host=evil.test;proto=https"),
        ("x-original-url", "/evil.test"),
        ("x-rewrite-url", "/evil.test"),
    ];
    let told = |path: &str| {
        let url = url::Url::parse(&world.url(path)).expect("a URL");
        let request = lies
            .iter()
            .fold(world.http.get(url.clone()), |request, (name, value)| request.header(*name, *value));
        (request, url)
    };
    let nobody = Person::new(&world);
    for path in
        ["/", "/sign-in", "/account/connected-apps", "/nowhere", "/.well-known/oauth-authorization-server"]
    {
        for browser in [&person, &nobody] {
            let (request, url) = told(path);
            let page = browser.send(request, url).await;
            assert!(!page.says("evil.test"), "{path}: {}", page.text);
            for (name, value) in &page.headers {
                assert!(!value.to_str().unwrap_or_default().contains("evil.test"), "{path}: {name}");
            }
        }
    }
    let (request, url) = told("/sign-in");
    let authorize = nobody.send(request, url).await.location().expect("the issuer");
    let back = authorize.query_pairs().find(|(name, _)| name == "redirect_uri").expect("a redirect URI").1;
    assert_eq!(back, world.url("/sign-in/callback"));
    // The reconnect link of a hand-out, too.
    let connection = person.connect(APP).await;
    world.issuer.revoke_all_of(EDITOR);
    world.clock.advance(crate::world::LIFETIME + 1);
    let (_, key) = world.caller().await;
    let request = world.http.post(world.url("/api/apps.auth.external.get")).bearer_auth(key);
    let request = request.header("host", "evil.test").header("x-forwarded-host", "evil.test");
    let answer = request.form(&[("external_token_id", &connection)]).send().await.expect("an answer");
    let answer: serde_json::Value = answer.json().await.expect("JSON");
    let link = answer["connect_url"].as_str().unwrap_or_else(|| panic!("no link: {answer}"));
    assert!(link.starts_with(&world.public_url), "{link}");
}

#[rstest]
#[tokio::test]
async fn the_request_id_is_ours_whatever_a_client_sends(
    #[values("a", "<script>", "0000000000000000")] id: &str,
) {
    let world = World::new(Sqlite).await;
    let answer =
        world.http.get(world.url("/nowhere")).header("x-request-id", id).send().await.expect("an answer");
    let ours = header(answer.headers(), "x-request-id").to_owned();
    assert_ne!(ours, id);
    assert!(answer.text().await.expect("a text").contains(&ours));
}

#[rstest]
#[tokio::test]
async fn anothers_connection_is_nothing_at_all(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let reader = world.signed_in(READER).await;
    let theirs = reader.get(&format!("/account/connected-apps/{connection}")).await;
    let nowhere = reader.get("/account/connected-apps/Et00000000000000000000").await;
    assert_eq!((theirs.status.as_u16(), nowhere.status.as_u16()), (404, 404));
    // Word for word the same, but for the id to quote.
    let without_id = |page: &Page| page.text.replace(header(&page.headers, "x-request-id"), "");
    assert_eq!(without_id(&theirs), without_id(&nowhere));
    for query in ["connected", "stopped"] {
        let list = reader.get(&format!("/account/connected-apps?{query}={connection}")).await;
        assert!(list.status == 200 && !list.says("Content Writer"), "{}", list.text);
    }
}

#[tokio::test]
async fn the_stylesheet_may_be_kept_and_nothing_else() {
    let world = World::new(Sqlite).await;
    let answer = world.http.get(world.url("/assets/attache.css")).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(header(answer.headers(), "content-type").starts_with("text/css"));
    assert!(!header(answer.headers(), "cache-control").contains("no-store"));
    assert_eq!(header(answer.headers(), "x-content-type-options"), "nosniff");
}
