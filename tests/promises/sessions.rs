//! Where a person is signed in: they see it, and end one of these sessions or all others. An ended one is a stranger's from
//! its next request on.

use reqwest::Url;
use rstest::rstest;

use crate::person::{Page, Person};
use crate::world::{Database, EDITOR, Postgres, READER, Sqlite, World};

const PAGE: &str = "/account/sessions";
const PHONE: &str =
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36";
const LAPTOP: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// Signs in with a browser that says what it is.
async fn signed_in<'w>(world: &'w World, subject: &str, user_agent: &str) -> Person<'w> {
    let person = Person::new(world);
    let callback = person.sign_in_up_to_the_callback(subject, "/sign-in").await;
    let request = world.http.get(callback.clone()).header("user-agent", user_agent);
    assert_eq!(person.send(request, callback).await.status, 303);
    person
}

/// The ids of the sessions that can be ended.
fn others(page: &Page) -> Vec<String> {
    let ids = page.text.split("name=\"session\" value=\"").skip(1);
    ids.map(|rest| rest.split('"').next().expect("an end").to_owned()).collect()
}

async fn is_signed_in(person: &Person<'_>) -> bool {
    person.get(PAGE).await.status == 200
}

#[rstest]
#[tokio::test]
async fn a_person_sees_where_they_are_signed_in_and_since_when_and_no_more(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let phone = signed_in(&world, EDITOR, PHONE).await;
    let stranger = signed_in(&world, READER, LAPTOP).await;
    world.clock.advance(2 * 3600);
    let laptop = signed_in(&world, EDITOR, LAPTOP).await;
    world.clock.advance(3600);
    let page = laptop.get(PAGE).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for text in ["Firefox on Linux", "This browser", "Chrome on Android", "3 hours ago", "1 hour ago"] {
        assert!(page.says(text), "{text} in {}", page.text);
    }
    for text in ["Mozilla", "140", "127.0.0.1"] {
        assert!(!page.says(text), "{text} in {}", page.text);
    }
    assert!(page.says("Chrome on Android, last used 3 hours ago"), "{}", page.text);
    assert_eq!((others(&page).len(), others(&stranger.get(PAGE).await).len()), (1, 0));
    // Its use is noted, exact to some minutes.
    phone.get(PAGE).await;
    let page = laptop.get(PAGE).await;
    assert!(page.says("Chrome on Android, last used just now"), "{}", page.text);
    assert!(laptop.get("/account/connected-apps").await.says(&format!("href=\"{PAGE}\"")));
}

#[rstest]
#[tokio::test]
async fn a_session_that_its_person_ends_is_a_strangers_from_then_on_and_does_not_come_back(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let lost = signed_in(&world, EDITOR, PHONE).await;
    let here = signed_in(&world, EDITOR, LAPTOP).await;
    let stranger = signed_in(&world, READER, LAPTOP).await;
    let page = here.get(PAGE).await;
    let id = others(&page).pop().expect("the lost one");
    let end = format!("{PAGE}/end");
    assert_eq!(here.post(&end, &[("csrf", "guessed"), ("session", &id)]).await.status, 403);
    let csrf = stranger.get(PAGE).await.csrf();
    assert_eq!(stranger.post(&end, &[("csrf", &csrf), ("session", &id)]).await.status, 303);
    assert!(is_signed_in(&lost).await, "nobody else ends it");
    let cookie = lost.cookie("attache").expect("a cookie");
    let answer = here.post(&end, &[("csrf", &page.csrf()), ("session", &id)]).await;
    let told = here.follow(answer).await;
    assert!(told.says("That browser is signed out.") && others(&told).is_empty(), "{}", told.text);
    let refused = lost.get(PAGE).await;
    assert!(refused.location().is_some_and(|to| to.path() == "/sign-in"), "{}", refused.text);
    lost.set_cookie("attache", &cookie);
    assert!(!is_signed_in(&lost).await);
    assert!(is_signed_in(&here).await && is_signed_in(&stranger).await);
    // What has ended already is as it should be.
    assert_eq!(here.post(&end, &[("csrf", &page.csrf()), ("session", &id)]).await.status, 303);
    let url = Url::parse(&world.url(&end)).expect("a URL");
    let foreign = world.http.post(url.clone()).header("sec-fetch-site", "cross-site");
    assert_eq!(here.send(foreign.form(&[("csrf", &*page.csrf()), ("session", &*id)]), url).await.status, 403);
}

#[rstest]
#[tokio::test]
async fn all_other_sessions_end_at_once_and_this_one_and_other_peoples_stay(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let first = signed_in(&world, EDITOR, PHONE).await;
    let second = signed_in(&world, EDITOR, "curl/8").await;
    let here = signed_in(&world, EDITOR, LAPTOP).await;
    let stranger = signed_in(&world, READER, LAPTOP).await;
    let page = here.get(PAGE).await;
    assert!(page.says("A browser") && page.says("Sign out all others"), "{}", page.text);
    let answer = here.post(&format!("{PAGE}/end-others"), &[("csrf", &page.csrf())]).await;
    let told = here.follow(answer).await;
    assert!(told.says("All other browsers are signed out.") && !told.says("Sign out all others"));
    assert!(!is_signed_in(&first).await && !is_signed_in(&second).await);
    assert!(is_signed_in(&here).await && is_signed_in(&stranger).await);
    let ended = "SELECT CAST(COUNT(*) AS TEXT) FROM ledger WHERE action = $1";
    assert_eq!(world.column(ended, "signed_out").await.as_deref(), Some("2"));
}
