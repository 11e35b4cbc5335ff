//! Sign-in and sign-out: who is who, what a session is worth, and where a person lands.

use attache::sandbox::Person as Listed;
use rstest::rstest;

use crate::person::{Page, Person};
use crate::world::{Database, EDITOR, Postgres, READER, Sqlite, World};

const LIST: &str = "/account/connected-apps";

/// Whether the page behind sign-in sends this browser to sign in.
async fn is_nobody(person: &Person<'_>) -> bool {
    let answer = person.get(LIST).await;
    answer.location().is_some_and(|to| to.path() == "/sign-in")
}

#[rstest]
#[tokio::test]
async fn a_person_has_one_account_however_often_they_sign_in(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    for _ in 0..2 {
        let person = Person::new(&world);
        let answer = person.sign_in(EDITOR).await;
        assert_eq!(answer.location().expect("a way on").path(), LIST);
        assert!(person.get(LIST).await.says("Demo Editor"));
    }
    world.signed_in(READER).await;
    assert_eq!(world.rows("accounts").await, 2);
    let issuer = world.column("SELECT issuer FROM accounts WHERE subject = $1", EDITOR).await;
    assert_eq!(issuer.as_deref(), Some(world.issuer.url()));
}

#[rstest]
#[tokio::test]
async fn two_subjects_with_one_e_mail_address_are_two_accounts(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    world.issuer.settings().people = vec![
        Listed::new("sandbox|one", "Demo One", "shared@sandbox.test"),
        Listed::new("sandbox|two", "Demo Two", "shared@sandbox.test"),
    ];
    let (one, two) = (world.signed_in("sandbox|one").await, world.signed_in("sandbox|two").await);
    assert_eq!(world.rows("accounts").await, 2);
    assert!(one.get(LIST).await.says("Demo One") && two.get(LIST).await.says("Demo Two"));
    // And one subject stays one account when the address changes.
    world.issuer.settings().people = vec![Listed::new("sandbox|one", "Demo One", "other@sandbox.test")];
    let again = world.signed_in("sandbox|one").await;
    assert!(again.get(LIST).await.says("other@sandbox.test"));
    assert_eq!(world.rows("accounts").await, 2);
}

#[tokio::test]
async fn the_request_to_the_issuer_is_bound_and_holds_no_secret() {
    let world = World::new(Sqlite).await;
    let person = Person::new(&world);
    let asked = person.get("/sign-in").await.location().expect("the issuer's address");
    let value = |name: &str| {
        let found: Vec<_> = asked.query_pairs().filter(|(other, _)| other == name).collect();
        assert_eq!(found.len(), 1, "{name} in {asked}");
        found[0].1.clone().into_owned()
    };
    assert_eq!((value("response_type").as_str(), value("code_challenge_method").as_str()), ("code", "S256"));
    assert_eq!(value("redirect_uri"), world.url("/sign-in/callback"));
    // 128 bits are 22 characters of base64.
    assert!(value("state").len() >= 22 && value("nonce").len() >= 22 && value("code_challenge").len() == 43);
    assert!(!asked.as_str().contains("s3cret"));
    let again = person.get("/sign-in").await.location().expect("the issuer's address");
    let repeated =
        again.query_pairs().any(|(_, other)| [value("state"), value("nonce")].contains(&other.into_owned()));
    assert!(!repeated, "a state or nonce was used twice");
}

#[rstest]
#[tokio::test]
async fn a_planted_cookie_is_worth_nothing_after_sign_in(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    // Nobody has a session before they sign in, so it is one that is signed in already.
    let attacker = world.signed_in(READER).await;
    let planted = attacker.cookie("attache").expect("a session");
    let victim = Person::new(&world);
    victim.set_cookie("attache", &planted);
    let callback = victim.sign_in_up_to_the_callback(EDITOR, "/sign-in?prompt=login").await;
    assert_eq!(victim.get(callback.as_str()).await.status, 303);
    assert_ne!(victim.cookie("attache").as_deref(), Some(planted.as_str()));
    assert!(!is_nobody(&victim).await);
    attacker.set_cookie("attache", &planted);
    assert!(is_nobody(&attacker).await, "the planted session is signed in");
    // Nor is an id of the attacker's own making ever used.
    let stranger = Person::new(&world);
    stranger.set_cookie("attache", "AAAAAAAAAAAAAAAAAAAAAA");
    stranger.sign_in(EDITOR).await;
    assert_ne!(stranger.cookie("attache").as_deref(), Some("AAAAAAAAAAAAAAAAAAAAAA"));
}

#[rstest]
#[tokio::test]
async fn sign_out_ends_the_session_here_and_leads_to_the_issuers_end(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let session = person.cookie("attache").expect("a session");
    let csrf = person.get(LIST).await.csrf();
    let left = person.post("/sign-out", &[("csrf", &csrf)]).await;
    let end = left.location().expect("the issuer's end of session");
    assert!(end.as_str().starts_with(&format!("{}oidc/logout?", world.issuer.url())), "{end}");
    let back = end.query_pairs().find(|(name, _)| name == "post_logout_redirect_uri").expect("a way back").1;
    assert_eq!(back, world.url("/"));
    assert_eq!((person.cookie("attache"), world.rows("sessions").await), (None, 0));
    let front = person.follow(left).await;
    assert_eq!((front.status.as_u16(), front.url.as_str()), (200, world.url("/").as_str()));
    assert_eq!(person.cookie("sandbox_issuer_session"), None);
    // Whoever kept the cookie has nothing.
    person.set_cookie("attache", &session);
    assert!(is_nobody(&person).await);
    assert_eq!(person.post("/sign-out", &[("csrf", &csrf)]).await.status, 401);
}

#[rstest]
#[tokio::test]
async fn signing_out_of_one_browser_leaves_the_other(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let (first, second) = (world.signed_in(EDITOR).await, world.signed_in(EDITOR).await);
    let csrf = first.get(LIST).await.csrf();
    first.post("/sign-out", &[("csrf", &csrf)]).await;
    assert!(is_nobody(&first).await && !is_nobody(&second).await);
}

#[rstest]
#[tokio::test]
async fn a_session_ends_by_itself(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    world.clock.advance(attache::session::LIFETIME - 1);
    assert!(!is_nobody(&person).await);
    world.clock.advance(2 * attache::session::LIFETIME);
    assert!(is_nobody(&person).await);
}

#[rstest]
#[tokio::test]
async fn the_table_of_sessions_holds_neither_the_id_nor_its_data_in_clear(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let csrf = person.get(LIST).await.csrf();
    let id = person.cookie("attache").expect("a session");
    let column = |sql| world.column(sql, EDITOR);
    let hash = column(
        "SELECT s.id_hash FROM sessions s JOIN accounts a ON a.id = s.account_id WHERE a.subject = $1",
    );
    let data =
        column("SELECT s.data FROM sessions s JOIN accounts a ON a.id = s.account_id WHERE a.subject = $1");
    let account = column("SELECT id FROM accounts WHERE subject = $1").await.expect("an account");
    let stored = format!("{} {}", hash.await.expect("a hash"), data.await.expect("data"));
    for secret in [&id, &csrf, &account] {
        assert!(!stored.contains(secret.as_str()), "{secret} is in {stored}");
    }
    if database == Sqlite {
        for file in std::fs::read_dir(world.directory()).expect("files") {
            let bytes = std::fs::read(file.expect("a file").path()).expect("bytes");
            for secret in [&id, &csrf] {
                assert!(
                    !bytes.windows(secret.len()).any(|part| part == secret.as_bytes()),
                    "a secret is in a file"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_person_lands_where_they_wanted_to_go_if_that_is_ours() {
    let world = World::new(Sqlite).await;
    for path in
        ["/connect/content-writer", "/account/connected-apps?q=a%20b", "/connect/content-writer?state=%26"]
    {
        let landed = landing(&world, path).await;
        assert_eq!(landed.headers["location"], path);
    }
}

#[rstest]
#[case("//evil.test")]
#[case("/\\evil.test")]
#[case("\\\\evil.test")]
#[case("/%5cevil.test")]
#[case("/%5C%5Cevil.test")]
#[case("https://evil.test/")]
#[case("https:evil.test")]
#[case("javascript:alert(1)")]
#[case("data:text/html,x")]
#[case("/\u{2215}evil.test")]
#[case("/\u{ff0f}evil.test")]
#[case("/\t/evil.test")]
#[case("\t//evil.test")]
#[case("/a\r\nset-cookie: b=c")]
#[case("/\u{0}")]
#[case(" //evil.test")]
#[case("/..//evil.test")]
#[case("/./%2e%2e//evil.test")]
#[case("evil.test")]
#[case("@evil.test")]
#[case("")]
#[case::eight_kilobytes(&"/a".repeat(4096))]
#[tokio::test]
async fn nobody_is_sent_elsewhere_after_sign_in(#[case] return_to: &str) {
    let world = World::new(Sqlite).await;
    let landed = landing(&world, return_to).await;
    assert_eq!(landed.headers["location"], LIST, "{return_to:?}");
    // The same for somebody who is signed in already.
    let person = world.signed_in(READER).await;
    let path = format!("/sign-in?return_to={}", attache::web::encode(return_to));
    assert_eq!(person.get(&path).await.headers["location"], LIST, "{return_to:?}");
}

/// Where the callback sends a person who asked for `return_to`.
async fn landing(world: &World, return_to: &str) -> Page {
    let person = Person::new(world);
    let path = format!("/sign-in?return_to={}", attache::web::encode(return_to));
    let callback = person.sign_in_up_to_the_callback(EDITOR, &path).await;
    let landed = person.get(callback.as_str()).await;
    assert_eq!(landed.status, 303, "{}", landed.text);
    landed
}
