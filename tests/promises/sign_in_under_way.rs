//! A sign-in that is under way: its browser keeps it, sealed, and the database nothing, until the issuer has answered. Then
//! it is used once.

use reqwest::header::SET_COOKIE;
use rstest::rstest;

use crate::person::{Page, Person};
use crate::sign_in_answer::assert_refused;
use crate::world::{Database, EDITOR, Postgres, READER, Sqlite, World};

/// The cookie by which this answer has a sign-in kept: its name and value.
fn kept(answer: &Page) -> (String, String) {
    let lines = answer.headers.get_all(SET_COOKIE).iter().map(|line| line.to_str().expect("a text"));
    let mut kept = lines.filter(|line| line.contains("-sign-in-") && !line.contains("Max-Age=0"));
    let line = kept.next().unwrap_or_else(|| panic!("nothing is kept: {:?}", answer.headers));
    let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
    (name.to_owned(), value.to_owned())
}

/// How many rows are there that no account owns.
async fn durable(world: &World) -> i64 {
    world.rows("sessions").await + world.rows("used_sign_ins").await + world.rows("accounts").await
}

#[rstest]
#[tokio::test]
async fn sign_ins_that_nobody_ends_leave_nothing_behind(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    for _ in 0..50 {
        let person = Person::new(&world);
        let begun = person.get("/sign-in").await;
        assert_eq!(begun.status, 303);
        kept(&begun);
    }
    // Nor does an answer that nobody waits for.
    let forged = Person::new(&world).get("/sign-in/callback?state=any&code=any").await;
    assert_refused(&forged);
    assert_eq!(durable(&world).await, 0);
}

#[rstest]
#[tokio::test]
async fn a_sign_in_is_used_once_though_the_browser_keeps_it(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = Person::new(&world);
    let begun = person.get("/sign-in").await;
    let (name, value) = kept(&begun);
    let callback = person.agree(&begun.location().expect("the issuer"), EDITOR).await;
    assert_eq!(person.get(callback.as_str()).await.status, 303);
    assert_eq!(person.cookie(&name), None, "the browser is told to forget it");
    for _ in 0..2 {
        person.set_cookie(&name, &value);
        assert_refused(&person.get(callback.as_str()).await);
    }
    // On another server of the same database, too.
    if database == Postgres {
        let replica = world.replica().await;
        person.set_cookie(&name, &value);
        let there = callback.as_str().replace(&world.public_url, &replica.url);
        assert_refused(&person.get(&there).await);
    }
    assert_eq!((world.issuer.exchanges(), world.rows("used_sign_ins").await), (1, 1));
    // It is remembered for as long as it could be used.
    world.clock.advance(600);
    person.set_cookie(&name, &value);
    assert_refused(&person.get(callback.as_str()).await);
    attache::account::sweep(&world.broker).await.expect("a sweep");
    assert_eq!((world.issuer.exchanges(), world.rows("used_sign_ins").await), (1, 0));
}

#[rstest]
#[tokio::test]
async fn what_the_browser_keeps_is_sealed_for_this_sign_in_alone(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = Person::new(&world);
    let begun = person.get("/sign-in?return_to=/connect/content-writer").await;
    let (name, value) = kept(&begun);
    let authorize = begun.location().expect("the issuer");
    let nonce = authorize.query_pairs().find(|(name, _)| name == "nonce").expect("a nonce").1.into_owned();
    assert!(!value.contains(&nonce) && !value.contains("connect"), "{value}");
    let callback = person.agree(&authorize, EDITOR).await;
    let other = kept(&person.get("/sign-in").await);
    let mut altered = value.clone();
    let last = altered.pop().expect("a character");
    altered.push(if last == 'A' { 'B' } else { 'A' });
    // Another one's content by this name, an altered one, nothing, and no sealed value at all.
    for planted in [other.1.as_str(), altered.as_str(), "", "v1.a.b"] {
        person.set_cookie(&name, planted);
        assert_refused(&person.get(callback.as_str()).await);
        person.set_cookie(&name, planted);
    }
    assert_eq!((durable(&world).await, world.issuer.exchanges()), (0, 0));
    person.set_cookie(&name, &value);
    assert_eq!(person.get(callback.as_str()).await.headers["location"], "/connect/content-writer");
}

#[rstest]
#[case::few_and_long(&format!("/connect/content-writer?state={}", "s".repeat(1500)))]
#[case::many_and_short("/connect/content-writer")]
#[tokio::test]
async fn a_browser_keeps_a_few_sign_ins_and_forgets_the_oldest(#[case] path: &str) {
    let world = World::new(Sqlite).await;
    let person = Person::new(&world);
    let mut names = Vec::new();
    for _ in 0..20 {
        let begun = person.get(&format!("/sign-in?return_to={}", attache::web::encode(path))).await;
        names.push(kept(&begun).0);
        let sizes: Vec<usize> =
            names.iter().filter_map(|name| Some(name.len() + person.cookie(name)?.len())).collect();
        assert!(sizes.len() <= 8 && sizes.iter().sum::<usize>() <= 7 * 1024, "{sizes:?}");
        assert!(sizes.iter().all(|size| *size < 4096), "browsers refuse longer ones: {sizes:?}");
        world.clock.advance(1);
    }
    let left: Vec<bool> = names.iter().map(|name| person.cookie(name).is_some()).collect();
    assert!(left.is_sorted() && left[18..] == [true, true], "{left:?}");
    // Those whose time is over go with the next one.
    world.clock.advance(600);
    person.get("/sign-in").await;
    assert!(names.iter().all(|name| person.cookie(name).is_none()));
}

#[rstest]
#[tokio::test]
async fn a_failed_sign_in_begins_again_toward_the_same_page(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = Person::new(&world);
    let path = "/sign-in?return_to=%2Fconnect%2Fcontent-writer";
    let authorize = person.get(path).await.location().expect("the issuer");
    let back = person.decline(&authorize, READER).await;
    let page = person.get(back.as_str()).await;
    assert!(page.says("You cancelled") && page.says(path), "{}", page.text);
}
