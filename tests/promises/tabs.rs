//! One browser, several tabs: signing in, signing in again and signing out in one of them does not undo what is open in
//! another.

use rstest::rstest;
use url::Url;

use crate::person::{Page, Person};
use crate::world::{APP, Database, EDITOR, Postgres, READER, Sqlite, World};

const LIST: &str = "/account/connected-apps";

async fn sign_out(person: &Person<'_>) {
    let csrf = person.get(LIST).await.csrf();
    let left = person.post("/sign-out", &[("csrf", &csrf)]).await;
    assert_eq!(person.follow(left).await.status, 200);
}

/// Sends the form of a page that has been open for a while, as a browser does.
async fn go_on(world: &World, person: &Person<'_>, page: &Page) -> Page {
    let headers = [
        ("origin", world.public_url.as_str()),
        ("sec-fetch-site", "same-origin"),
        ("referer", page.url.as_str()),
    ];
    person.post_with(&format!("/connect/{APP}"), &[("csrf", &page.csrf())], &headers).await
}

fn is_at_the_issuer(world: &World, url: Option<&Url>) -> bool {
    url.is_some_and(|url| url.as_str().starts_with(world.issuer.url()))
}

#[rstest]
#[tokio::test]
async fn two_tabs_that_sign_in_both_arrive_where_they_were_going(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = Person::new(&world);
    let paths = ["/connect/content-writer?state=one", "/account/connected-apps?q=two"];
    let mut begun = Vec::new();
    for path in paths {
        let to = format!("/sign-in?return_to={}", attache::web::encode(path));
        begun.push(person.get(&to).await.location().expect("the issuer"));
    }
    // In either order, each with an answer of its own.
    for (authorize, path) in begun.iter().zip(paths).rev() {
        let callback = person.agree(authorize, EDITOR).await;
        let landed = person.get(callback.as_str()).await;
        assert_eq!(
            (landed.status.as_u16(), landed.headers["location"].to_str().expect("a path")),
            (303, path)
        );
        assert_eq!(person.get(path).await.status, 200);
    }
    assert_eq!(world.rows("sessions").await, 1, "the earlier session is over");
}

#[rstest]
#[tokio::test]
async fn a_consent_page_that_is_open_outlives_signing_in_again(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(false, true)] not_you: bool,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let open = person.get(&format!("/connect/{APP}")).await;
    if not_you {
        sign_out(&person).await;
        // Continue, while nobody is signed in: to sign in, and back to this page.
        let asked = go_on(&world, &person, &open).await.location().expect("a way on");
        assert_eq!(asked.path(), "/sign-in");
        let authorize = person.get(asked.as_str()).await.location().expect("the issuer");
        let callback = person.agree(&authorize, EDITOR).await;
        assert_eq!(person.get(callback.as_str()).await.headers["location"], open.url.path());
    } else {
        let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in?prompt=login").await;
        assert_eq!(person.get(callback.as_str()).await.status, 303);
    }
    let authorize = go_on(&world, &person, &open).await.location();
    assert!(is_at_the_issuer(&world, authorize.as_ref()), "{authorize:?}");
    let callback = person.agree(&authorize.expect("the issuer"), EDITOR).await;
    let connected = person.get(callback.as_str()).await.location().expect("a way on");
    assert!(connected.query().is_some_and(|query| query.starts_with("connected=")), "{connected}");
}

#[rstest]
#[tokio::test]
async fn a_consent_that_is_open_at_the_issuer_outlives_signing_in_again(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(false, true)] not_you: bool,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    if not_you {
        sign_out(&person).await;
    }
    let again = person.sign_in_up_to_the_callback(EDITOR, "/sign-in?prompt=login").await;
    assert_eq!(person.get(again.as_str()).await.status, 303);
    let connected = person.get(callback.as_str()).await;
    assert_eq!(connected.status, 303, "{}", connected.text);
    assert_eq!(world.rows("connections").await, 1);
}

#[rstest]
#[tokio::test]
async fn a_consent_page_of_one_person_does_nothing_for_the_next(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let open = person.get(&format!("/connect/{APP}")).await;
    sign_out(&person).await;
    person.sign_in(READER).await;
    let page = go_on(&world, &person, &open).await;
    assert!(page.status == 403 && page.says("somebody else has signed in since"), "{}", page.text);
    assert_eq!(world.rows("connect_attempts").await, 0);
    // Nor is a form of one browser one of another, for the same person.
    let elsewhere = world.signed_in(EDITOR).await;
    assert_eq!(go_on(&world, &elsewhere, &open).await.status, 403);
}

#[rstest]
#[tokio::test]
async fn the_mark_of_a_browser_signs_nobody_in_and_tells_no_form(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let name = format!("{}-browser", person.session_cookie());
    let mark = person.cookie(&name).expect("a mark");
    let csrf = person.get(LIST).await.csrf();
    let stranger = Person::new(&world);
    stranger.set_cookie(&name, &mark);
    assert_eq!(stranger.get(LIST).await.location().expect("a way on").path(), "/sign-in");
    // Whoever plants their own mark knows the forms of their own account only.
    stranger.sign_in(READER).await;
    let known = stranger.get(LIST).await.csrf();
    assert_ne!(known, csrf);
    assert_eq!(person.post("/account/stop-all", &[("csrf", &known)]).await.status, 403);
    assert!(!mark.contains(&csrf) && !csrf.contains(&mark));
}
