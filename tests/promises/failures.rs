//! What people and apps are told when something fails: the app by an OAuth error, the person by a page that knows them,
//! leads on, and names an id that the log explains.

use attache::issuer::authorization_error::AuthorizationError;
use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::AuthorizationFault;
use attache::web::encode;
use rstest::rstest;
use strum::VariantArray;
use url::Url;

use crate::logged::Log;
use crate::person::{Page, Person};
use crate::world::{APP, Database, EDITOR, Postgres, Sqlite, World};

const REGISTERED: &str = "https://writer.sandbox.test/connected";

fn asked() -> String {
    format!("/connect/{APP}?redirect_uri={}&state=theirs", encode(REGISTERED))
}

fn value(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
}

/// The app was told this word, with its own state and a sentence that RFC 6749 allows; the id in it.
fn assert_told(page: &Page, word: &str) -> String {
    let to = page.location().unwrap_or_else(|| panic!("not sent on: {}", page.text));
    assert!(to.as_str().starts_with(REGISTERED), "{to}");
    assert_eq!(
        (value(&to, "error").as_deref(), value(&to, "state").as_deref()),
        (Some(word), Some("theirs"))
    );
    let said = value(&to, "error_description").unwrap_or_default();
    let allowed = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    assert!(said.bytes().all(allowed) && !said.contains("s3cret"), "{said}");
    let id = page.headers["x-request-id"].to_str().expect("an id");
    assert!(said.contains(id), "{said}");
    id.to_owned()
}

#[tokio::test]
async fn an_app_that_waits_learns_each_word_of_the_issuers_refusal() {
    let world = World::new(Sqlite).await;
    let person = world.signed_in(EDITOR).await;
    let words = AuthorizationError::VARIANTS.iter().map(|word| <&'static str>::from(*word));
    let words = words.filter(|word| *word != "access_denied").map(|word| (word, word));
    let others =
        [("login_required", "access_denied"), ("consent_required", "access_denied"), ("odd", "server_error")];
    for (said, told) in words.chain(others) {
        let authorize = person.ask_to_connect(&asked()).await;
        world.issuer.faults().authorization.next(AuthorizationFault::Error(said));
        let callback = person.agree(&authorize, EDITOR).await;
        assert_told(&person.get(callback.as_str()).await, told);
    }
    assert_eq!(world.rows("connections").await, 0);
}

#[rstest]
#[case(Fault::status(503), "temporarily_unavailable")]
#[case(Fault::Drop, "temporarily_unavailable")]
#[case(Fault::oauth(401, "invalid_client"), "server_error")]
#[case(Fault::oauth(400, "invalid_grant"), "server_error")]
#[tokio::test]
async fn an_app_that_waits_learns_that_a_code_brought_nothing(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] fault: Fault,
    #[case] told: &str,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&asked(), EDITOR).await;
    world.issuer.faults().token.next(fault);
    assert_told(&person.get(callback.as_str()).await, told);
    assert_eq!(world.rows("connections").await, 0);
}

#[tokio::test]
async fn who_stays_here_may_try_again_as_it_was_asked_or_go_back_to_the_app() {
    let world = World::new(Sqlite).await;
    let person = world.signed_in(EDITOR).await;
    // It is not sure who spoke: nobody is sent on by that.
    let authorize = person.ask_to_connect(&asked()).await;
    world.issuer.faults().authorization.next(AuthorizationFault::WrongIss);
    let callback = person.agree(&authorize, EDITOR).await;
    let page = person.get(callback.as_str()).await;
    let again = format!("href=\"{}\">Try again</a>", asked().replace('&', "&#38;"));
    assert!(page.status == 400 && page.says(&again), "{}", page.text);
    let back =
        format!("href=\"{REGISTERED}?error=server_error&#38;state=theirs\">Back to Content Writer</a>");
    assert!(page.says(&back), "{}", page.text);
    // Of an answer that nobody asked for, only the app's home page is known.
    let page = person.get(callback.as_str()).await;
    assert!(page.says("href=\"https://writer.sandbox.test/\">Back to Content Writer</a>"), "{}", page.text);
    // Where no app waits, the person is told.
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    world.issuer.faults().token.next(Fault::status(503));
    let page = person.get(callback.as_str()).await;
    let again = format!("href=\"/connect/{APP}\">Try again</a>");
    assert!(page.status == 503 && page.says(&again), "{}", page.text);
}

async fn failing(person: &Person<'_>, connection: &str) -> Vec<Page> {
    let mut pages = Vec::new();
    for path in [
        "/nowhere",
        "/connect/nobody",
        "/connect/%FF",
        "/account/connected-apps/Et00000000000000000000",
        "/connect/content-writer/callback?state=unknown&code=1",
        "/connect/content-writer?redirect_uri=https://elsewhere.test/",
    ] {
        pages.push(person.get(path).await);
    }
    let path = format!("/account/connected-apps/{connection}");
    pages.push(person.post(&format!("{path}/pause"), &[("csrf", "another")]).await);
    pages.push(person.post(&path, &[]).await);
    pages
}

#[rstest]
#[tokio::test]
async fn a_page_of_a_failure_knows_who_is_signed_in(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    for page in failing(&person, &connection).await {
        assert!(page.status.is_client_error(), "{}", page.url);
        assert!(page.says("Demo Editor"), "{}: {}", page.url, page.text);
        // Whoever sent a form that is not ours is shown no proof for the next one.
        assert_eq!(page.field("csrf").is_some(), page.status != 403, "{}", page.url);
    }
    let stranger = Person::new(&world);
    let page = stranger.get("/nowhere").await;
    assert!(page.status == 404 && !page.says("Sign out"), "{}", page.text);
}

#[tokio::test]
async fn trying_again_leads_to_the_page_of_the_form() {
    let world = World::new(Sqlite).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let path = format!("/account/connected-apps/{connection}");
    for (form, page_of_it) in [
        (format!("{path}/pause"), path.as_str()),
        (format!("{path}/revoke"), path.as_str()),
        (format!("/connect/{APP}"), "/connect/content-writer"),
        ("/account/stop-all".to_owned(), "/account/connected-apps"),
    ] {
        let page = person.post(&form, &[("csrf", "another")]).await;
        let again = format!("href=\"{page_of_it}\">Try again</a>");
        assert!(page.status == 403 && page.says(&again), "{form}: {}", page.text);
        assert_eq!(person.get(page_of_it).await.status, 200);
    }
}

/// Tells a process of its own to write a log: what is logged is decided once for all threads of a process.
const ALONE: &str = "ATTACHE_TEST_QUOTED_IDS";

#[tokio::test]
async fn the_id_that_a_page_says_to_quote_finds_a_line_that_explains() {
    if std::env::var_os(ALONE).is_none() {
        let this = std::env::current_exe().expect("this binary");
        let mut alone = tokio::process::Command::new(this);
        let alone = alone.arg("the_id_that_a_page_says_to_quote").env(ALONE, "yes").output().await;
        let alone = alone.expect("an end");
        let said = String::from_utf8_lossy(&alone.stdout);
        assert!(alone.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let (log, _told) = Log::of_this_thread();
    let world = World::new(Sqlite).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let mut ids = Vec::new();
    for page in failing(&person, &connection).await {
        let id = page.headers["x-request-id"].to_str().expect("an id").to_owned();
        assert!(page.says(&format!("Quote <code>{id}</code>")), "{}", page.text);
        ids.push(id);
    }
    let callback = person.consent(&asked(), EDITOR).await;
    world.issuer.faults().token.next(Fault::oauth(401, "invalid_client"));
    ids.push(assert_told(&person.get(callback.as_str()).await, "server_error"));
    let log = log.text();
    for id in ids {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&id)).collect();
        let explains = |line: &&str| line.contains("error=") && !line.contains("answered");
        assert!(lines.iter().any(explains), "{id} is not explained: {lines:#?}");
    }
}
