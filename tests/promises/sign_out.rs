//! Signing out: here at once and whatever the issuer does, there if it can be; and who may still be signed in there is told
//! so, and asked anew the next time.

use attache::account::delete;
use attache::revoke::tell::tell_again;
use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::DiscoveryShape;
use rstest::rstest;
use serde_json::json;
use url::Url;

use crate::person::{Page, Person};
use crate::world::{APP, Database, EDITOR, Plan, Postgres, READER, Sqlite, World};

const LIST: &str = "/account/connected-apps";

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
}

async fn leave(person: &Person<'_>, more: &[(&str, &str)]) -> Page {
    let csrf = person.get(LIST).await.csrf();
    person.post("/sign-out", &[&[("csrf", csrf.as_str())], more].concat()).await
}

/// What the issuer is told to ask at the next sign-in.
async fn prompt(person: &Person<'_>, path: &str) -> Option<String> {
    parameter(&person.get(path).await.location().expect("the issuer"), "prompt")
}

#[rstest]
#[tokio::test]
async fn the_issuer_is_shown_the_id_token_of_the_sign_in(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let end = leave(&person, &[]).await.location().expect("the issuer's end of session");
    let hint = parameter(&end, "id_token_hint").expect("a hint");
    assert_eq!(hint.split('.').count(), 3, "{hint}");
    assert_eq!(parameter(&end, "client_id").as_deref(), Some("attache"));
    // Confirmed by the issuer, the next sign-in is like any other.
    let back = person.get(end.as_str()).await;
    assert_eq!(person.follow(back).await.url.as_str(), world.url("/"));
    assert_eq!(prompt(&person, "/sign-in").await, None);
    let stored = world.column("SELECT data FROM sessions WHERE account_id <> $1", "").await;
    assert_eq!(stored, None, "it went with the session");
}

#[rstest]
#[tokio::test]
async fn an_id_token_that_is_too_long_for_an_address_is_not_kept(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let name = "n".repeat(8000);
    world.issuer.settings().people =
        vec![attache::sandbox::Person::new(EDITOR, &name, "editor@sandbox.test")];
    let person = world.signed_in(EDITOR).await;
    let end = leave(&person, &[]).await.location().expect("the issuer's end of session");
    assert!(parameter(&end, "id_token_hint").is_none() && end.as_str().len() < 2000, "{end}");
}

#[rstest]
#[tokio::test]
async fn where_a_person_was_going_outlives_the_issuers_sign_out(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(true, false)] with_its_state: bool,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let path = format!("/connect/{APP}?state=kept");
    let end = leave(&person, &[("return_to", &path)]).await.location().expect("the issuer");
    let mut back = person.get(end.as_str()).await.location().expect("a way back");
    if with_its_state {
        back = person.get(back.as_str()).await.location().expect("a way on");
    } else {
        // Not every issuer gives it back: then the person is asked.
        back.set_query(None);
        let front = person.get(back.as_str()).await;
        assert!(front.says("You are signed out here"), "{}", front.text);
        let begin = front.text.find("/sign-in?prompt").expect("a way in");
        let href = front.text[begin..].split('"').next().expect("a link").replace("&#38;", "&");
        back = Url::parse(&world.url(&href)).expect("a URL");
    }
    assert_eq!((back.path(), parameter(&back, "return_to").as_deref()), ("/sign-in", Some(path.as_str())));
    let authorize = person.get(back.as_str()).await.location().expect("the issuer");
    assert_eq!(parameter(&authorize, "prompt").as_deref(), Some("select_account"), "it asks which");
    let callback = person.agree(&authorize, READER).await;
    assert_eq!(person.get(callback.as_str()).await.headers["location"], path.as_str());
    assert!(person.get(&path).await.says("Demo Reader"));
}

#[rstest]
#[case::no_such_place(
    Some(DiscoveryShape::Without("end_session_endpoint")),
    None,
    "offers no way to sign out there"
)]
#[case::hangs(None, Some(Fault::Hang), "does not answer")]
#[case::broken(None, Some(Fault::status(500)), "does not answer")]
#[tokio::test]
async fn where_the_issuer_cannot_be_asked_the_person_is_signed_out_here_and_told_so(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] shape: Option<DiscoveryShape>,
    #[case] fault: Option<Fault>,
    #[case] said: &str,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    if let Some(shape) = shape {
        world.issuer.faults().discovery_shape.always(shape);
    }
    if let Some(fault) = fault {
        world.issuer.faults().discovery.always(fault);
    }
    // Another process, which knows nothing of the issuer yet.
    let fresh = world.replica().await;
    let csrf = person.get(LIST).await.csrf();
    let headers = [("origin", world.public_url.as_str()), ("sec-fetch-site", "same-origin")];
    let form = [("csrf", csrf.as_str())];
    let began = std::time::Instant::now();
    let page = person.post_with(&format!("{}/sign-out", fresh.url), &form, &headers).await;
    assert!(began.elapsed().as_secs() < 4, "the issuer held the person for {:?}", began.elapsed());
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.says("You are signed out here") && page.says(said), "{}", page.text);
    assert_eq!((person.cookie("attache"), world.rows("sessions").await), (None, 0));
    world.issuer.faults().discovery.clear();
    world.issuer.faults().discovery_shape.clear();
    // Asked anew, until somebody has signed in.
    assert_eq!(prompt(&person, "/sign-in").await.as_deref(), Some("login"));
    person.sign_in(EDITOR).await;
    leave(&person, &[]).await;
    assert!(person.get("/").await.says("has not confirmed"), "the issuer refused, as far as is known");
    assert_eq!(prompt(&person, "/sign-in").await.as_deref(), Some("login"));
    person.sign_in(EDITOR).await;
    assert!(!person.get("/").await.says("signed out"));
}

#[rstest]
#[case::both(json!(["none", "login", "select_account"]), None, Some("select_account"), Some("login"))]
#[case::without_a_choice(json!(["none", "login"]), None, Some("login"), Some("login"))]
#[case::without_login(json!(["none", "select_account"]), None, Some("select_account"), Some("select_account"))]
#[case::neither(json!(["none"]), None, None, None)]
#[case::nothing_said(json!(null), None, Some("select_account"), Some("login"))]
#[case::the_operator_knows(json!(["none"]), Some("profile = \"auth0\"\nprompts = [\"login\"]"), Some("login"), Some("login"))]
#[tokio::test]
async fn only_what_the_issuer_knows_is_it_told_to_ask(
    #[case] known: serde_json::Value,
    #[case] said: Option<&'static str>,
    #[case] choice: Option<&str>,
    #[case] login: Option<&str>,
) {
    let replace = said.map(|said| ("profile = \"auth0\"", said)).into_iter().collect();
    let world = World::planned(Sqlite, Plan { replace, ..Plan::default() }).await;
    world.issuer.faults().discovery_shape.always(DiscoveryShape::With("prompt_values_supported", known));
    let person = Person::new(&world);
    assert_eq!(prompt(&person, "/sign-in?prompt=select_account").await.as_deref(), choice);
    assert_eq!(prompt(&person, "/sign-in?prompt=login").await.as_deref(), login);
    for odd in ["none", "consent", "LOGIN", "", "login none"] {
        let path = format!("/sign-in?prompt={}", attache::web::encode(odd));
        assert_eq!(prompt(&person, &path).await, None, "{odd}");
    }
}

#[rstest]
#[tokio::test]
async fn that_an_account_is_deleted_is_told_to_the_browser_that_did_it_and_to_nobody_else(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let nobody = Person::new(&world);
    assert_eq!(nobody.get("/account/deleted").await.headers["location"], "/");
    let person = world.signed_in(EDITOR).await;
    assert_eq!(person.get("/account/deleted").await.headers["location"], LIST);
    person.connect(APP).await;
    world.issuer.faults().revoke.always(Fault::Drop);
    let csrf = person.get(LIST).await.csrf();
    assert_eq!(person.post("/account/delete", &[("csrf", &csrf)]).await.status, 303);
    world.settle().await;
    let page = person.get("/account/deleted").await;
    assert!(
        page.says("Your account is deleted") && page.says("are told until each has confirmed"),
        "{}",
        page.text
    );
    world.issuer.faults().revoke.clear();
    world.clock.advance(86_400);
    tell_again(&world.broker).await.expect("told");
    world.settle().await;
    delete::go_on(&world.broker).await.expect("it goes on");
    let page = person.get("/account/deleted").await;
    assert!(page.says("have confirmed, and who you were there is gone too"), "{}", page.text);
    assert_eq!(nobody.get("/account/deleted").await.headers["location"], "/");
    // Still signed in at the issuer, they are asked before there is another account.
    assert_eq!(prompt(&person, "/sign-in").await.as_deref(), Some("login"));
    person.sign_in(EDITOR).await;
    assert_eq!(person.get("/account/deleted").await.headers["location"], LIST);
    leave(&person, &[]).await;
    assert_eq!(
        person.get("/account/deleted").await.headers["location"],
        "/",
        "another account is not deleted"
    );
}
