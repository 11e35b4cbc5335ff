//! `public_url` with a path: everything is served behind it, and says nothing of addresses outside it.

use std::collections::BTreeSet;

use attache::operator::{Command, run};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use url::Url;

use crate::person::{Page, Person};
use crate::world::{APP, Database, EDITOR, Plan, Postgres, Sqlite, World};

const PATH: &str = "/.attache";

async fn behind(database: Database) -> World {
    World::planned(database, Plan { behind: PATH, ..Plan::default() }).await
}

fn origin(world: &World) -> String {
    world.broker.config.public_url.origin_text()
}

/// The addresses that a page names.
fn addresses(page: &Page) -> Vec<String> {
    let mut found = Vec::new();
    for begin in ["href=\"", "action=\"", "src=\"", "content=\"0;url="] {
        let rests = page.text.split(begin).skip(1);
        found.extend(rests.filter_map(|rest| rest.split('"').next()).map(|text| text.replace("&#38;", "&")));
    }
    found
}

/// Every address that this answer names is behind the path, or somebody else's.
fn assert_inside(world: &World, page: &Page) {
    let locations = page.headers.get("location").map(|to| to.to_str().expect("a text").to_owned());
    for address in addresses(page).into_iter().chain(locations) {
        let url = page.url.join(&address).unwrap_or_else(|error| panic!("{address}: {error}"));
        let is_ours = url.origin().ascii_serialization() == origin(world);
        let is_inside = url.path().starts_with("/.attache/");
        assert!(!is_ours || is_inside || address.starts_with('#'), "{address} on {}", page.url);
    }
    for cookie in page.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().expect("a text");
        assert!(
            !cookie.contains("attache-") || cookie.contains("Path=/.attache/"),
            "{cookie} of {}",
            page.url
        );
    }
}

#[rstest]
#[tokio::test]
async fn no_page_names_an_address_outside_the_path(#[values(Sqlite, Postgres)] database: Database) {
    let world = behind(database).await;
    let nobody = Person::new(&world);
    let editor = world.signed_in(EDITOR).await;
    let connection = editor.connect(APP).await;
    let failing = [
        "/nowhere",
        "/sign-in/callback?state=none&code=c",
        "/sign-in/callback",
        "/connect/nobody",
        "/connect/a%00b",
        "/connect/content-writer/callback?state=none",
        "/account/connected-apps/none",
        "/sign-out",
        "/account/deleted",
        "//evil.test",
        "/connect/content-writer?redirect_uri=https://evil.test",
        "/account/connected-apps?after=nonsense",
    ];
    for person in [&nobody, &editor] {
        let mut seen = BTreeSet::new();
        let mut ahead: Vec<String> = failing.map(|path| world.url(path)).to_vec();
        ahead.push(world.url("/"));
        ahead.push(world.url(&format!("/account/connected-apps/{connection}")));
        ahead.push(world.url(&format!("/connect/{APP}")));
        ahead.push(format!("{}/outside", origin(&world)));
        while let Some(address) = ahead.pop() {
            if !seen.insert(address.clone()) {
                continue;
            }
            let page = person.get(&address).await;
            assert_inside(&world, &page);
            // To sign in anew is to leave for the issuer.
            let links = addresses(&page).into_iter().filter_map(|link| page.url.join(&link).ok());
            let next = links.chain(page.location()).filter(|url| url.as_str().starts_with(&world.public_url));
            ahead.extend(next.map(String::from));
        }
        let pages = seen.len();
        assert!(pages > 20, "{pages} pages");
    }
    let gone = editor.stop(&connection).await;
    assert_inside(&world, &gone);
    let end = editor.get("/account/sessions").await;
    for form in ["/account/sessions/end-others", "/account/stop-all", "/account/delete", "/sign-out"] {
        assert_inside(&world, &editor.post(form, &[("csrf", &end.csrf())]).await);
        assert_inside(&world, &editor.post(form, &[("csrf", "forged")]).await);
    }
}

#[rstest]
#[tokio::test]
async fn everything_works_behind_the_path_as_at_an_origin_of_our_own(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = behind(database).await;
    let connection = world.connection().await;
    assert_eq!(world.get(&connection).await["ok"], true);
    let answer = world.exchange(&[("subject_token", &world.access_token(&connection).await)]).await;
    assert_eq!(answer.status(), 200);
    let identifier = format!("{}{PATH}", origin(&world));
    for metadata in [
        world.url("/.well-known/oauth-authorization-server"),
        // RFC 8414 section 3.1.
        format!("{}/.well-known/oauth-authorization-server{PATH}", origin(&world)),
    ] {
        let told: Value =
            world.http.get(metadata).send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!(told["issuer"], json!(identifier));
        for endpoint in ["token_endpoint", "introspection_endpoint", "revocation_endpoint", "jwks_uri"] {
            assert!(told[endpoint].as_str().expect("a URL").starts_with(&format!("{identifier}/")), "{told}");
        }
        let keys = world.http.get(told["jwks_uri"].as_str().expect("a URL")).send().await.expect("an answer");
        assert_eq!(keys.status(), 200);
    }
    for metadata in [
        world.url("/.well-known/oauth-protected-resource/v1"),
        format!("{}/.well-known/oauth-protected-resource{PATH}/v1", origin(&world)),
    ] {
        let told: Value =
            world.http.get(metadata).send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!(told["resource"], json!(format!("{identifier}/v1")));
    }
    let refused =
        world.http.get(world.url("/v1/connections")).bearer_auth("ak_none").send().await.expect("an answer");
    let challenge = refused.headers()["www-authenticate"].to_str().expect("a text");
    assert!(challenge.contains(&format!("resource_metadata=\"{identifier}/")), "{challenge}");
    let listed = run(&world.broker, Command::ListApps).await.expect("a list");
    let said = listed.lines.join("\n");
    assert!(!said.contains(&format!("{}/connect", origin(&world))), "{said}");
}

#[rstest]
#[case::beside("/sign-in")]
#[case::longer("/.attacheX/sign-in")]
#[case::encoded("/.attache%2fsign-in")]
#[case::encoded_dot("/%2eattache/sign-in")]
#[case::doubled("//.attache/sign-in")]
#[case::other_case("/.ATTACHE/sign-in")]
#[case::matrix("/.attache;a=b/sign-in")]
#[case::the_apps_metadata("/.well-known/jwks.json")]
#[case::at_the_root("/.well-known/oauth-authorization-server")]
#[case::up("/.attache/%2e%2e/sign-in")]
#[case::twice("/.attache//sign-in")]
#[tokio::test]
async fn what_is_not_behind_the_path_is_not_ours(#[case] path: &str) {
    let world = behind(Sqlite).await;
    let person = world.signed_in(EDITOR).await;
    // As it is written: a `Url` would tidy it up.
    let address = origin(&world).trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.expect("a connection");
    let cookie = format!("{}={}", person.session_cookie(), person.cookie("attache").expect("a session"));
    let head =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.expect("read");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[tokio::test]
async fn the_bare_path_leads_to_the_one_with_a_slash() {
    let world = behind(Sqlite).await;
    let answer = world.http.get(format!("{}?a=b", world.public_url)).send().await.expect("an answer");
    assert_eq!(answer.status(), 308);
    assert_eq!(answer.headers()["location"], "/.attache/?a=b");
}

#[rstest]
#[tokio::test]
async fn a_script_of_the_same_origin_reads_no_page_and_proves_no_form(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = behind(database).await;
    let person = world.signed_in(EDITOR).await;
    let url = Url::parse(&world.url("/account/connected-apps")).expect("a URL");
    let opened =
        person.send(world.http.get(url.clone()).header("sec-fetch-dest", "document"), url.clone()).await;
    assert_eq!(opened.status, 200);
    for destination in ["empty", "iframe", "object", "embed", "script", ""] {
        let asked = world
            .http
            .get(url.clone())
            .header("sec-fetch-dest", destination)
            .header("sec-fetch-site", "same-origin");
        let page = person.send(asked, url.clone()).await;
        assert_eq!(page.status, 403, "{destination}");
        assert!(!page.says("csrf"), "{}", page.text);
    }
    // The origin is ours and the app's: a form is not proven by it.
    let forged = person.post("/account/stop-all", &[]).await;
    assert_eq!(forged.status, 403);
    // The app's pages may ask for tokens; those of other origins may not.
    let ask = async |from: &str, site: &str| {
        let url = Url::parse(&world.url("/v1/session/tokens")).expect("a URL");
        let asked = world
            .http
            .request(Method::POST, url.clone())
            .header("origin", from)
            .header("sec-fetch-site", site);
        person.send(asked, url).await.status
    };
    assert_eq!(ask(&origin(&world), "same-origin").await, 200);
    assert_eq!(ask("http://evil.test", "same-site").await, 403);
    assert_eq!(ask("null", "same-origin").await, 403);
}

#[rstest]
#[tokio::test]
async fn a_cookie_that_a_sibling_host_planted_signs_nobody_in(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = behind(database).await;
    let attacker = world.signed_in(crate::world::READER).await;
    let victim = world.signed_in(EDITOR).await;
    let (name, planted) = (victim.session_cookie(), attacker.cookie("attache").expect("a session"));
    let own = victim.cookie("attache").expect("a session");
    for line in [format!("{name}={planted}; {name}={own}"), format!("{name}={own}; a=b; {name}={planted}")] {
        let answer = world
            .http
            .get(world.url("/account/connected-apps"))
            .header("cookie", line)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 303);
        let to = answer.headers()["location"].to_str().expect("a text");
        assert!(to.starts_with("/.attache/sign-in"), "{to}");
    }
}

#[rstest]
#[tokio::test]
async fn a_person_comes_back_to_a_page_of_the_app(#[values(Sqlite, Postgres)] database: Database) {
    let world = behind(database).await;
    let there = |path: &str| format!("{}{path}", origin(&world));
    for (asked, arrives) in [
        (there("/dashboard?a=b"), there("/dashboard?a=b")),
        (world.url("/account/sessions"), world.url("/account/sessions")),
        ("/account/sessions".to_owned(), world.url("/account/sessions")),
        ("/.attache/account/sessions".to_owned(), world.url("/account/sessions")),
        ("//evil.test/".to_owned(), world.url("/account/connected-apps")),
        ("/.attache//evil.test/".to_owned(), world.url("/.attache//evil.test/")),
        ("https://evil.test/".to_owned(), world.url("/account/connected-apps")),
    ] {
        let person = Person::new(&world);
        let encoded: String = url::form_urlencoded::byte_serialize(asked.as_bytes()).collect();
        let callback =
            person.sign_in_up_to_the_callback(EDITOR, &format!("/sign-in?return_to={encoded}")).await;
        let back = person.get(callback.as_str()).await.location().expect("a way back");
        assert_eq!(back.as_str(), arrives, "{asked}");
    }
}

#[tokio::test]
async fn on_https_the_cookie_is_for_the_path_alone_and_the_host_is_the_apps() {
    let world = World::new(Sqlite).await;
    let public_url = "https://app.sandbox.test/.attache/";
    let https = world.process(&world.config.replace(&world.public_url, public_url)).await;
    let get = |path: &str| world.http.get(format!("{}{path}", https.url)).send();
    let answer = get("/.attache/sign-in").await.expect("an answer");
    let cookie = answer.headers()["set-cookie"].to_str().expect("a text");
    assert!(cookie.starts_with("__Secure-attache-sign-in-"), "{cookie}");
    for wanted in ["Path=/.attache/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(cookie.split("; ").any(|each| each == wanted), "no {wanted}: {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let authorize = answer.headers()["location"].to_str().expect("a text");
    assert!(authorize.contains("app.sandbox.test%2F.attache%2Fsign-in%2Fcallback"), "{authorize}");
    assert!(!answer.headers().contains_key("strict-transport-security"));
    let front = get("/.attache/").await.expect("an answer");
    assert_eq!(front.headers()["cache-control"], "no-store");
    assert!(
        front.headers()["content-security-policy"]
            .to_str()
            .expect("a text")
            .contains("frame-ancestors 'none'")
    );
}
