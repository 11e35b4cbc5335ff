//! The issuer's answer to a sign-in: believed once, from the issuer that was asked, in the browser that asked.

use attache::sandbox::issuer::{AuthorizationFault, DiscoveryShape};
use reqwest::StatusCode;
use rstest::rstest;
use url::Url;

use crate::person::{Page, Person};
use crate::world::{Database, EDITOR, Postgres, Sqlite, World};

/// A refusal is a page with a way back and an id to quote; nobody is signed in.
pub fn assert_refused(page: &Page) {
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.text);
    assert!(page.says("Signing in did not work"), "{}", page.text);
    assert!(page.says("href=\"/sign-in\""), "no way back: {}", page.text);
    let id = page.headers["x-request-id"].to_str().expect("an id");
    assert!(page.says(id), "no id to quote: {}", page.text);
    assert_eq!(page.headers["cache-control"], "no-store");
}

/// Nothing came of it: no account, and no code was spent.
async fn assert_nothing_happened(world: &World) {
    assert_eq!((world.rows("accounts").await, world.issuer.exchanges()), (0, 0));
}

/// The same address with one parameter changed.
fn with(url: &Url, name: &str, value: &str) -> Url {
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let mut changed = url.clone();
    changed.query_pairs_mut().clear().extend_pairs(
        pairs.iter().map(|(other, old)| (other, if other == name { value } else { old.as_str() })),
    );
    changed
}

#[rstest]
#[tokio::test]
async fn an_unknown_or_missing_state_is_refused(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = Person::new(&world);
    let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    for state in ["unknown", "", "\u{0}", "' OR 1=1 --"] {
        assert_refused(&person.get(with(&callback, "state", state).as_str()).await);
    }
    assert_refused(&person.get("/sign-in/callback").await);
    assert_refused(&person.get("/sign-in/callback?code=1").await);
    assert_nothing_happened(&world).await;
}

#[rstest]
#[tokio::test]
async fn a_second_callback_with_the_same_state_sends_nothing_upstream(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = Person::new(&world);
    let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    assert_eq!(person.get(callback.as_str()).await.status, 303);
    assert_eq!(world.issuer.exchanges(), 1);
    assert_refused(&person.get(callback.as_str()).await);
    assert_eq!(world.issuer.exchanges(), 1);
    assert_eq!(person.get("/account/connected-apps").await.status, 200, "still signed in");
}

#[rstest]
#[tokio::test]
async fn of_two_callbacks_at_once_one_is_taken(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = Person::new(&world);
    let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    let (one, two) = tokio::join!(person.get(callback.as_str()), person.get(callback.as_str()));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!((statuses, world.issuer.exchanges()), ([303, 400], 1));
}

#[rstest]
#[tokio::test]
async fn the_answer_is_worth_nothing_in_another_browser(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = Person::new(&world);
    let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    let without_session = Person::new(&world);
    assert_refused(&without_session.get(callback.as_str()).await);
    let with_session = Person::new(&world);
    with_session.get("/sign-in").await;
    assert_refused(&with_session.get(callback.as_str()).await);
    assert_nothing_happened(&world).await;
    // The one who began is not harmed by the attempt.
    assert_eq!(person.get(callback.as_str()).await.status, 303);
}

#[rstest]
#[case(599, 303)]
#[case(600, 400)]
#[case(86_400, 400)]
#[tokio::test]
async fn a_sign_in_waits_ten_minutes(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] seconds: i64,
    #[case] status: u16,
) {
    let world = World::new(database).await;
    let person = Person::new(&world);
    let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    world.clock.advance(seconds);
    let answer = person.get(callback.as_str()).await;
    assert_eq!(answer.status, status, "{}", answer.text);
    if status == 400 {
        assert_refused(&answer);
        assert_nothing_happened(&world).await;
    }
}

#[rstest]
#[tokio::test]
async fn a_parameter_that_stands_twice_is_refused(
    #[values("code", "state", "iss", "error", "error_description")] name: &str,
) {
    let world = World::new(Sqlite).await;
    let person = Person::new(&world);
    let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    let value = callback.query_pairs().find(|(other, _)| other == name).map(|(_, value)| value.into_owned());
    let mut twice = callback.clone();
    twice.query_pairs_mut().append_pair(name, value.as_deref().unwrap_or("one"));
    if value.is_none() {
        twice.query_pairs_mut().append_pair(name, "two");
    }
    assert_refused(&person.get(twice.as_str()).await);
    assert_nothing_happened(&world).await;
    assert_eq!(person.get(callback.as_str()).await.status, 303, "the state was used up");
}

#[rstest]
#[case::another(AuthorizationFault::WrongIss)]
#[case::none_although_promised(AuthorizationFault::NoIss)]
#[tokio::test]
async fn an_answer_of_another_issuer_is_refused(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] fault: AuthorizationFault,
) {
    let world = World::new(database).await;
    let person = Person::new(&world);
    world.issuer.faults().authorization.next(fault);
    let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    assert_refused(&person.get(callback.as_str()).await);
    assert_nothing_happened(&world).await;
}

#[rstest]
#[case(AuthorizationFault::NoIss, true)]
#[case(AuthorizationFault::WrongIss, false)]
#[tokio::test]
async fn an_issuer_that_promises_no_iss_need_not_send_it_but_may_not_send_anothers(
    #[case] fault: AuthorizationFault,
    #[case] accepted: bool,
) {
    let world = World::new(Sqlite).await;
    let silent = DiscoveryShape::Without("authorization_response_iss_parameter_supported");
    world.issuer.faults().discovery_shape.always(silent);
    let person = Person::new(&world);
    world.issuer.faults().authorization.next(fault);
    let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    let answer = person.get(callback.as_str()).await;
    if accepted {
        assert_eq!(answer.status, 303, "{}", answer.text);
    } else {
        assert_refused(&answer);
        assert_nothing_happened(&world).await;
    }
}

#[rstest]
#[case("server_error", "Sandbox says: server_error")]
#[case("<script>alert(1)</script>", "&#60;script&#62;")]
#[case("\"><img src=x onerror=alert(1)>", "&#60;img")]
#[tokio::test]
async fn an_error_of_the_issuer_is_told_as_text(#[case] error: &'static str, #[case] said: &str) {
    let world = World::new(Sqlite).await;
    let person = Person::new(&world);
    world.issuer.faults().authorization.next(AuthorizationFault::Error(error));
    let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    let page = person.get(callback.as_str()).await;
    assert_refused(&page);
    assert!(page.says(said) && !page.says("<script") && !page.says("<img"), "{}", page.text);
    assert_nothing_happened(&world).await;
}

#[tokio::test]
async fn a_long_and_hostile_description_is_capped_and_escaped() {
    let world = World::new(Sqlite).await;
    let person = Person::new(&world);
    world.issuer.faults().authorization.next(AuthorizationFault::Error("server_error"));
    let mut callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    let description = format!("<b onmouseover=alert(1)>\u{202e}\r\n{}", "long ".repeat(1000));
    callback.query_pairs_mut().append_pair("error_description", &description);
    let page = person.get(callback.as_str()).await;
    assert_refused(&page);
    assert!(!page.says("<b ") && page.text.len() < 5000, "{}", page.text.len());
}

#[rstest]
#[tokio::test]
async fn who_cancels_at_the_issuer_is_told_so(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = Person::new(&world);
    let authorize = person.get("/sign-in").await.location().expect("the issuer's address");
    let back = person.decline(&authorize, EDITOR).await;
    let page = person.get(back.as_str()).await;
    assert!(page.status.is_success() || page.status == 400, "{}", page.status);
    assert!(page.says("You cancelled") && page.says("href=\"/sign-in\""), "{}", page.text);
    assert_nothing_happened(&world).await;
}

#[rstest]
#[tokio::test]
async fn a_link_checkers_head_uses_up_nothing(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = Person::new(&world);
    let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    assert_eq!(person.head(callback.as_str()).await.status, 405);
    assert_nothing_happened(&world).await;
    assert_eq!(person.get(callback.as_str()).await.status, 303);
}
