//! The issuer's answer to a consent: taken once, from the person and the browser that began, for that app.

use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::{AuthorizationFault, Client};
use attache::web::encode;
use rstest::rstest;

use crate::person::{Page, Person};
use crate::world::{APP, AUDIENCE, Database, EDITOR, Plan, Postgres, READER, Sqlite, World};

const REGISTERED: &str = "https://writer.sandbox.test/connected";

fn assert_refused(page: &Page, status: u16) {
    assert_eq!(page.status, status, "{}", page.text);
    assert!(
        page.location().is_none() && page.says(&format!("href=\"/connect/{APP}\"")),
        "no way on: {}",
        page.text
    );
    let id = page.headers["x-request-id"].to_str().expect("an id");
    // To decline is no mistake, so there is nothing to quote.
    assert_eq!(page.says(id), status != 200, "{}", page.text);
    assert!(page.headers["cache-control"] == "no-store", "{}", page.text);
}

/// No code of an app was spent (`signed_in` people spent one each), and nothing is kept.
async fn assert_nothing_connected(world: &World, signed_in: u64) {
    assert_eq!((world.rows("connections").await, world.issuer.exchanges()), (0, signed_in));
}

#[rstest]
#[tokio::test]
async fn a_replayed_answer_sends_nothing_upstream_and_harms_nothing(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    assert_eq!(person.get(callback.as_str()).await.status, 303);
    let exchanges = world.issuer.exchanges();
    assert_refused(&person.get(callback.as_str()).await, 400);
    assert_eq!((world.issuer.exchanges(), world.issuer.live_refresh_tokens()), (exchanges, 1));
    assert_eq!(world.rows("connections").await, 1);
}

#[rstest]
#[tokio::test]
async fn of_two_answers_at_once_one_is_taken(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    let (one, two) = tokio::join!(person.get(callback.as_str()), person.get(callback.as_str()));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!((statuses, world.issuer.exchanges()), ([303, 400], 2));
    assert_eq!((world.rows("connections").await, world.issuer.live_refresh_tokens()), (1, 1));
}

#[rstest]
#[tokio::test]
async fn what_one_person_began_no_other_finishes(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let (editor, reader) = (world.signed_in(EDITOR).await, world.signed_in(READER).await);
    let callback = editor.consent(&format!("/connect/{APP}"), EDITOR).await;
    assert_refused(&reader.get(callback.as_str()).await, 403);
    assert_nothing_connected(&world, 2).await;
    // The one who began is not harmed by the attempt.
    assert_eq!(editor.get(callback.as_str()).await.status, 303);
}

#[rstest]
#[tokio::test]
async fn the_same_person_in_another_browser_is_refused(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let (here, there) = (world.signed_in(EDITOR).await, world.signed_in(EDITOR).await);
    let callback = here.consent(&format!("/connect/{APP}"), EDITOR).await;
    assert_refused(&there.get(callback.as_str()).await, 403);
    assert_nothing_connected(&world, 2).await;
}

#[rstest]
#[tokio::test]
async fn another_person_in_the_same_browser_is_refused_and_both_are_named(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    let csrf = person.get("/account/connected-apps").await.csrf();
    person.post("/sign-out", &[("csrf", &csrf)]).await;
    person.sign_in(READER).await;
    let page = person.get(callback.as_str()).await;
    assert!(page.status == 403 && page.location().is_none(), "{}", page.text);
    assert!(page.says("begun as editor@sandbox.test"), "{}", page.text);
    assert!(page.says("signed in here as reader@sandbox.test"), "{}", page.text);
    assert!(page.says("/sign-in?prompt=select_account"), "it asks which: {}", page.text);
    assert_nothing_connected(&world, 2).await;
}

#[rstest]
#[tokio::test]
async fn nobody_finishes_without_being_signed_in(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    let page = Person::new(&world).get(callback.as_str()).await;
    assert_eq!(page.status, 401);
    assert!(page.says("href=\"/sign-in\""), "{}", page.text);
    let code = callback.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
    assert!(!page.says(&code), "the code is on the page");
    assert_nothing_connected(&world, 1).await;
    assert_eq!(person.get(callback.as_str()).await.status, 303);
}

#[rstest]
#[case(599, 303)]
#[case(600, 400)]
#[tokio::test]
async fn a_consent_waits_ten_minutes(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] seconds: i64,
    #[case] status: u16,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    // The issuer's own code is fresh: only our attempt is old.
    let authorize = person.ask_to_connect(&format!("/connect/{APP}")).await;
    world.clock.advance(seconds);
    let callback = person.agree(&authorize, EDITOR).await;
    let answer = person.get(callback.as_str()).await;
    assert_eq!(answer.status, status, "{}", answer.text);
    if status == 400 {
        assert_refused(&answer, 400);
        assert_nothing_connected(&world, 1).await;
    }
}

#[rstest]
#[tokio::test]
async fn who_declines_is_told_that_nothing_was_connected(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let authorize = person.ask_to_connect(&format!("/connect/{APP}")).await;
    let back = person.decline(&authorize, EDITOR).await;
    let page = person.get(back.as_str()).await;
    // No mistake of anybody's, so there is no id to quote.
    assert_eq!(page.status, 200);
    assert!(page.says("You declined, so nothing was connected."), "{}", page.text);
    assert!(page.says(&format!("href=\"/connect/{APP}\"")) && page.headers["cache-control"] == "no-store");
    assert_nothing_connected(&world, 1).await;
    assert_refused(&person.get(back.as_str()).await, 400);
}

#[rstest]
#[tokio::test]
async fn an_app_that_waits_learns_that_the_person_declined(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let path = format!("/connect/{APP}?redirect_uri={}&state=theirs", encode(REGISTERED));
    let authorize = person.ask_to_connect(&path).await;
    let back = person.decline(&authorize, EDITOR).await;
    let to_app = person.get(back.as_str()).await.location().expect("the app");
    assert_eq!(to_app.as_str(), format!("{REGISTERED}?error=access_denied&state=theirs"));
    assert_nothing_connected(&world, 1).await;
}

#[rstest]
#[case(AuthorizationFault::WrongIss)]
#[case(AuthorizationFault::NoIss)]
#[case(AuthorizationFault::WrongState)]
#[tokio::test]
async fn an_answer_that_is_not_the_issuers_consent_connects_nothing(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] fault: AuthorizationFault,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    // Also with a way back to the app: it is not sure who spoke.
    let path = format!("/connect/{APP}?redirect_uri={}&state=theirs", encode(REGISTERED));
    let authorize = person.ask_to_connect(&path).await;
    world.issuer.faults().authorization.next(fault);
    let callback = person.agree(&authorize, EDITOR).await;
    let page = person.get(callback.as_str()).await;
    assert!(page.status == 400 && page.location().is_none(), "{}", page.text);
    assert!(page.says(">Try again</a>"), "{}", page.text);
    assert_nothing_connected(&world, 1).await;
}

#[rstest]
#[case("server_error")]
#[case("<script>alert(1)</script>")]
#[tokio::test]
async fn an_issuers_error_is_a_page_of_ours_where_no_app_waits(#[case] error: &'static str) {
    let world = World::new(Sqlite).await;
    let person = world.signed_in(EDITOR).await;
    let authorize = person.ask_to_connect(&format!("/connect/{APP}")).await;
    world.issuer.faults().authorization.next(AuthorizationFault::Error(error));
    let callback = person.agree(&authorize, EDITOR).await;
    let page = person.get(callback.as_str()).await;
    assert_refused(&page, 400);
    assert!(!page.says("<script"), "{}", page.text);
    assert_nothing_connected(&world, 1).await;
}

#[rstest]
#[tokio::test]
async fn a_parameter_that_stands_twice_is_refused(#[values("code", "state", "iss")] name: &str) {
    let world = World::new(Sqlite).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    let value = callback.query_pairs().find(|(other, _)| other == name).expect("a parameter").1.into_owned();
    let mut twice = callback.clone();
    twice.query_pairs_mut().append_pair(name, &value);
    assert_refused(&person.get(twice.as_str()).await, 400);
    assert_nothing_connected(&world, 1).await;
    assert_eq!(person.get(callback.as_str()).await.status, 303, "the attempt was used up");
}

#[rstest]
#[tokio::test]
async fn a_link_checkers_head_uses_up_nothing(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    assert_eq!(person.head(callback.as_str()).await.status, 405);
    assert_nothing_connected(&world, 1).await;
    assert_eq!(person.get(callback.as_str()).await.status, 303);
}

#[rstest]
#[tokio::test]
async fn an_answer_for_one_app_is_worth_nothing_at_anothers_address(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let more_config = "[apps.other]\nname = \"Other\"\nissuer = \"sandbox\"\nclient_id = \"other\"\n\
        client_secret = \"other-s3cret\"\nscopes = [\"openid\", \"offline_access\"]\n";
    let plan = Plan { more_config: more_config.to_owned(), ..Plan::default() };
    let world = World::planned(database, plan).await;
    let callback = world.url("/connect/other/callback");
    world.issuer.add_client(Client::new("other", "other-s3cret", &callback).allowed(AUDIENCE));
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    let crossed = callback.as_str().replace(&format!("/connect/{APP}/"), "/connect/other/");
    let page = person.get(&crossed).await;
    assert!(page.status == 400 || page.status == 403, "{}", page.text);
    assert_nothing_connected(&world, 1).await;
    assert_eq!(person.get(callback.as_str()).await.status, 303);
}

#[rstest]
#[tokio::test]
async fn a_browser_that_closes_during_the_exchange_loses_nothing(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(false, true)] already_processed: bool,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    let time = std::time::Duration::from_millis(300);
    let slow = if already_processed { Fault::DelayAfterProcessing(time) } else { Fault::Delay(time) };
    world.issuer.faults().token.next(slow);
    let exchanges = world.issuer.exchanges();
    tokio::select! {
        biased;
        page = person.get(callback.as_str()) => panic!("the browser did not close in time: {}", page.status),
        () = async {
            while world.issuer.exchanges() == exchanges {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    world.settle().await;
    assert_eq!((world.rows("connections").await, world.issuer.live_refresh_tokens()), (1, 1));
    let list = person.get("/account/connected-apps").await;
    assert!(list.says("Content Writer") && list.says("Active"), "{}", list.text);
}

#[rstest]
#[case(Fault::status(503), 503)]
#[case(Fault::too_many_requests(7), 503)]
#[case(Fault::Drop, 503)]
#[case(Fault::oauth(400, "invalid_grant"), 400)]
#[case(Fault::oauth(401, "invalid_client"), 502)]
#[tokio::test]
async fn a_failed_exchange_is_a_page_and_connects_nothing(#[case] fault: Fault, #[case] status: u16) {
    let world = World::new(Sqlite).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    world.issuer.faults().token.next(fault);
    let page = person.get(callback.as_str()).await;
    assert_eq!(page.status, status, "{}", page.text);
    assert!(page.says("href=\"") && !page.says("s3cret"), "{}", page.text);
    assert_eq!(page.headers.contains_key("retry-after"), status == 503);
    // A code is sent once, whatever came of it.
    assert_eq!((world.rows("connections").await, world.issuer.exchanges()), (0, 2));
}
