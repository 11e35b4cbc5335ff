//! A link of a platform: it asks whether this is the person whom it is for. Only a yes that was pressed on its page, in the
//! browser that opened it, once and in time, signs that person in here; and nobody else is anything for it.

use reqwest::StatusCode;
use rstest::rstest;
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

use crate::logged::Log;
use crate::person::{Page, Person};
use crate::platform_users::{BACK, answer, ask, claims, link, link_for, signed, stage};
use crate::world::{APP, Database, EDITOR, Postgres, READER, Sqlite, World};

async fn status(world: &World) -> Option<String> {
    world.column("SELECT status FROM connect_sessions WHERE name = $1", "Ada Example").await
}

async fn who(person: &Person<'_>) -> Option<String> {
    let page = person.get("/account/connected-apps").await;
    let said = page.text.split_once("<div class=\"person\">")?.1.split_once("</bdi>")?.0;
    Some(said.rsplit('>').next()?.to_owned())
}

#[rstest]
#[tokio::test]
async fn looking_at_a_link_changes_nothing_whoever_looks(#[values(Sqlite, Postgres)] database: Database) {
    let (world, key) = stage(database).await;
    let path = link(&world, &key, "1", json!({ "app": APP, "return_to": BACK })).await;
    let bob = world.signed_in(EDITOR).await;
    for _ in 0..2 {
        let preview = world.http.get(world.url(&path)).send().await.expect("an answer");
        assert_eq!(preview.status(), 200);
        assert_eq!(world.http.head(world.url(&path)).send().await.expect("an answer").status(), 200);
        assert_eq!(bob.get(&path).await.status, 200);
        assert_eq!(bob.get(&format!("{path}?answer=continue")).await.status, 200);
    }
    assert_eq!(status(&world).await.as_deref(), Some("open"));
    assert_eq!((world.rows("accounts").await, world.rows("sessions").await), (1, 1));
    assert_eq!(who(&bob).await.as_deref(), Some("Demo Editor"));
    let ada = Person::new(&world);
    assert_eq!(answer(&ada, &path, "continue").await.status, 303);
    assert_eq!(who(&ada).await.as_deref(), Some("Ada Example"));
}

#[rstest]
#[tokio::test]
async fn of_many_who_press_at_once_one_goes_on(#[values(Sqlite, Postgres)] database: Database) {
    let (world, key) = stage(database).await;
    let path = link(&world, &key, "1", json!({})).await;
    let people: Vec<Person<'_>> = (0..6).map(|_| Person::new(&world)).collect();
    let mut proofs = Vec::new();
    for person in &people {
        proofs.push(person.get(&path).await.csrf());
    }
    let (path, yes) = (&path, ("answer", "continue"));
    let pressed = people
        .iter()
        .zip(&proofs)
        .map(async |(person, csrf)| person.post(path, &[("csrf", csrf), yes]).await);
    let pages = futures_util::future::join_all(pressed).await;
    let on = pages.iter().filter(|page| page.status == 303).count();
    let over = pages.iter().filter(|page| page.status == 410).count();
    assert_eq!((on, on + over, world.rows("sessions").await), (1, 6, 1), "{pages:?}");
}

#[rstest]
#[tokio::test]
async fn somebody_who_is_signed_in_is_told_so_and_loses_nothing_by_a_link_that_is_not_theirs(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, key) = stage(database).await;
    let bob = world.signed_in(EDITOR).await;
    let connection = bob.connect(APP).await;
    let elsewhere = world.signed_in(EDITOR).await;
    let path = link(&world, &key, "1", json!({ "app": APP, "return_to": BACK })).await;
    let page = bob.get(&path).await;
    assert!(page.says("You are signed in here as") && page.says("editor@sandbox.test"), "{}", page.text);
    let declined = answer(&bob, &path, "not_me").await;
    assert_eq!(declined.location().expect("Acme's page").as_str(), format!("{BACK}&error=access_denied"));
    assert_eq!((who(&bob).await.as_deref(), world.rows("accounts").await), (Some("Demo Editor"), 1));
    assert_eq!(bob.get(&path).await.status, 410, "a no ends the link");
    // Going on as Ada signs Bob out in this browser, and nowhere else.
    let path = link(&world, &key, "2", json!({ "app": APP })).await;
    let session = bob.cookie("attache").expect("a session");
    assert_eq!(answer(&bob, &path, "continue").await.status, 303);
    assert_ne!(bob.cookie("attache").expect("another session"), session);
    assert_eq!(who(&bob).await.as_deref(), Some("Ada Example"));
    assert!(!bob.get("/account/connected-apps").await.says(&connection));
    let thief = Person::new(&world);
    thief.set_cookie("attache", &session);
    assert_eq!(who(&thief).await, None, "what Bob's session was opens nothing");
    assert_eq!(who(&elsewhere).await.as_deref(), Some("Demo Editor"));
    assert_eq!(world.status(&connection).await, "active");
    let owner = world.column(
        "SELECT a.issuer FROM connections c JOIN accounts a ON a.id = c.account_id WHERE c.id = $1",
        &connection,
    );
    assert_eq!(owner.await.as_deref(), Some(world.issuer.url()));
}

#[rstest]
#[tokio::test]
async fn a_form_that_is_not_of_the_links_page_in_this_browser_does_nothing(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, key) = stage(database).await;
    let path = link(&world, &key, "1", json!({})).await;
    let other = link(&world, &key, "2", json!({})).await;
    let (mallory, victim) = (Person::new(&world), world.signed_in(EDITOR).await);
    let proof = mallory.get(&path).await.csrf();
    let own = victim.get(&path).await.csrf();
    assert_ne!(proof, own);
    let of_the_session = victim.get("/account/connected-apps").await.csrf();
    let of_another_link = victim.get(&other).await.csrf();
    let same = [("origin", world.public_url.as_str()), ("sec-fetch-site", "same-origin")];
    let cross = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    let sibling = [("origin", "https://app.acme.test"), ("sec-fetch-site", "same-site")];
    let plain = [("origin", "null")];
    let none: [(&str, &str); 0] = [];
    let attempts: [(&str, &[(&'static str, &str)]); 9] = [
        (&proof, &same),
        (&of_the_session, &same),
        (&of_another_link, &same),
        ("", &same),
        (&own, &cross),
        (&own, &sibling),
        (&own, &plain),
        (&own, &none),
        (&own, &[("sec-fetch-site", "none")]),
    ];
    for said in ["continue", "not_me"] {
        for (csrf, headers) in attempts {
            let page = victim.post_with(&path, &[("csrf", csrf), ("answer", said)], headers).await;
            assert_eq!(page.status, 403, "{headers:?}: {}", page.text);
        }
        // A browser that keeps no cookies has nothing that a form could be bound to.
        let stranger = Person::new(&world).post(&path, &[("csrf", &own), ("answer", said)]).await;
        assert_eq!(stranger.status, 403);
    }
    for answer in ["", "yes", "Continue"] {
        let page = victim.post(&path, &[("csrf", &own), ("answer", answer)]).await;
        assert_eq!(page.status, 400, "{answer}: {}", page.text);
    }
    assert_eq!(victim.post(&path, &[("csrf", &own)]).await.status, 400);
    assert_eq!(who(&victim).await.as_deref(), Some("Demo Editor"));
    assert_eq!(status(&world).await.as_deref(), Some("open"));
    assert_eq!(victim.post(&path, &[("csrf", &own), ("answer", "continue")]).await.status, 303);
}

#[rstest]
#[tokio::test]
async fn a_link_that_is_over_or_was_never_given_opens_nothing(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, key) = stage(database).await;
    let used = link(&world, &key, "1", json!({ "app": APP })).await;
    let ada = Person::new(&world);
    answer(&ada, &used, "continue").await;
    let declined = link(&world, &key, "2", json!({})).await;
    let quiet = answer(&Person::new(&world), &declined, "not_me").await;
    assert_eq!((quiet.status, quiet.location()), (StatusCode::OK, None));
    assert!(quiet.says("Nothing was connected") && quiet.says("Acme"), "{}", quiet.text);
    let old = link(&world, &key, "3", json!({ "return_to": BACK })).await;
    let late = Person::new(&world);
    let csrf = late.get(&old).await.csrf();
    world.clock.advance(600);
    for path in [&used, &declined, &old] {
        let page = Person::new(&world).get(path).await;
        assert_eq!(page.status, 410, "{}", page.text);
        assert!(page.says("Acme") && !page.says("Ada") && !page.says("ada@"), "{}", page.text);
    }
    assert!(late.get(&old).await.says(&BACK.replace('&', "&#38;")), "there is a way back");
    for said in ["continue", "not_me"] {
        assert_eq!(late.post(&old, &[("csrf", &csrf), ("answer", said)]).await.status, 410);
    }
    // Who went on by it and comes back to it is led to where they were.
    assert!(ada.get(&used).await.says(&format!("href=\"/connect/{APP}\"")));
    let unknown = ["a".repeat(43), "a".repeat(42), "%00".repeat(43), "..%2f".to_owned(), "a".repeat(9000)];
    for secret in unknown {
        let path = format!("/connect-sessions/{secret}");
        let page = Person::new(&world).get(&path).await;
        assert!([404, 400].contains(&page.status.as_u16()), "{secret}: {}", page.status);
        let page = ada.post(&path, &[("csrf", &csrf), ("answer", "continue")]).await;
        assert!(page.status.is_client_error(), "{secret}: {}", page.status);
    }
    assert_eq!(world.rows("sessions").await, 1);
}

#[rstest]
#[tokio::test]
async fn the_page_is_never_framed_kept_or_told_to_others(#[values(Sqlite, Postgres)] database: Database) {
    let (world, key) = stage(database).await;
    let body = json!({ "user_token": signed(&claims(&world, "1")), "app": APP });
    let made: serde_json::Value = ask(&world, &key, &body).await.json().await.expect("JSON");
    let path =
        made["url"].as_str().and_then(|url| url.strip_prefix(&world.public_url)).expect("a link").to_owned();
    let secret = path.rsplit('/').next().expect("a secret").to_owned();
    let person = Person::new(&world);
    let judged = |page: &Page| {
        let header = |name: &str| page.headers[name].to_str().expect("text").to_owned();
        assert_eq!(
            (header("x-frame-options"), header("cache-control")),
            ("DENY".to_owned(), "no-store".to_owned())
        );
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"));
        // To no other host: its pages send no address of theirs there.
        assert_eq!(header("referrer-policy"), "same-origin");
        assert!(!page.text.contains(&secret) && !page.text.contains("http-equiv"), "{}", page.text);
    };
    judged(&person.get(&path).await);
    assert_eq!(answer(&person, &path, "continue").await.status, 303);
    judged(&person.get(&path).await);
    let kept = world.column("SELECT secret_hash FROM connect_sessions WHERE name = $1", "Ada Example").await;
    assert_ne!(kept.expect("a hash"), secret);
}

/// Tells a process of its own to write a log: what is logged is decided once for all threads of a process.
const ALONE: &str = "ATTACHE_TEST_LINKS_LOG";

#[rstest]
#[tokio::test]
async fn neither_the_link_nor_the_word_nor_the_person_stands_in_the_log(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let name = format!("{database:?}");
    let Some(wanted) = std::env::var_os(ALONE) else {
        let this = std::env::current_exe().expect("this binary");
        let mut alone = tokio::process::Command::new(this);
        let alone = alone.arg("neither_the_link_nor_the_word").env(ALONE, &name).output().await;
        let alone = alone.expect("an end");
        assert!(alone.status.success(), "{}", String::from_utf8_lossy(&alone.stdout));
        return;
    };
    if wanted.to_str() != Some(&name) {
        return;
    }
    let log = Log::default();
    let layer = fmt::layer().with_ansi(false).with_writer(log.clone());
    registry().with(attache::log::filter("trace").expect("a directive")).with(layer).init();
    let (world, key) = stage(database).await;
    let body = json!({ "user_token": signed(&claims(&world, "1")), "app": APP, "return_to": BACK });
    let word = body["user_token"].as_str().expect("a word").to_owned();
    let made: serde_json::Value = ask(&world, &key, &body).await.json().await.expect("JSON");
    ask(&world, &key, &body).await;
    let path = made["url"].as_str().and_then(|url| url.strip_prefix(&world.public_url)).expect("a link");
    let person = Person::new(&world);
    person.post(path, &[("csrf", "forged"), ("answer", "continue")]).await;
    assert_eq!(answer(&person, path, "continue").await.status, 303);
    person.get(path).await;
    let log = log.text();
    assert!(log.contains("/connect-sessions/{secret}") && log.matches("answered").count() >= 6, "{log}");
    let secret = path.rsplit('/').next().expect("a secret");
    for told in
        [secret, &word, word.rsplit('.').next().expect("a signature"), "ada@example.com", "Ada Example"]
    {
        assert!(!log.contains(told), "{told}: {log}");
    }
}

#[rstest]
#[tokio::test]
async fn a_name_is_shown_as_what_it_is_and_changes_with_each_word(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, key) = stage(database).await;
    let mut said = claims(&world, "1");
    said["name"] = json!("<b>Ada</b> \u{202e}nimda");
    let path = link_for(&world, &key, &said, json!({})).await;
    let person = Person::new(&world);
    let page = person.get(&path).await;
    assert!(!page.says("<b>Ada") && page.says("[U+202E]"), "{}", page.text);
    answer(&person, &path, "continue").await;
    let mut said = claims(&world, "2");
    (said["name"], said["email"]) = (json!("Ada Byron"), json!("byron@example.com"));
    let path = link_for(&world, &key, &said, json!({})).await;
    answer(&person, &path, "continue").await;
    assert_eq!(who(&person).await.as_deref(), Some("Ada Byron"));
    let mut nameless = claims(&world, "3");
    drop(nameless.as_object_mut().expect("an object").remove("name"));
    drop(nameless.as_object_mut().expect("an object").remove("email"));
    let path = link_for(&world, &key, &nameless, json!({})).await;
    assert!(person.get(&path).await.says("Are you <bdi>ada</bdi>?"));
    assert_eq!(world.rows("accounts").await, 1);
    let reader = world.signed_in(READER).await;
    assert_ne!(who(&reader).await.as_deref(), Some("Ada Byron"));
}
