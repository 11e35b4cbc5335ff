//! A renewal by another identity than the connection's own: nothing is swapped silently, nothing is lost, and the person
//! says what it was for.

use attache::consent::complete::another_identity::drop_forgotten;
use attache::sandbox::fault::Fault;
use rstest::rstest;
use url::Url;

use crate::connect_identity::{anybodys, subject};
use crate::person::{Page, Person};
use crate::world::{APP, Database, EDITOR, LIFETIME, Postgres, READER, Sqlite, World};

async fn consented_as_another(world: &World, person: &Person<'_>, connection: &str) -> Url {
    let callback = person.consent(&format!("/connect/{APP}?connection={connection}"), READER).await;
    let asked = person.get(callback.as_str()).await;
    assert_eq!(asked.status, 303, "{}", asked.text);
    let question = asked.location().expect("a question");
    assert!(question.path().starts_with(&format!("/connect/{APP}/identity/")), "{question}");
    assert_eq!(world.status(connection).await, "active");
    question
}

async fn decide(person: &Person<'_>, question: &Url, decision: &str) -> Page {
    let page = person.get(question.as_str()).await;
    assert!(page.says("That was another account"), "{}", page.text);
    person.post(question.path(), &[("csrf", &page.csrf()), ("decision", decision)]).await
}

#[rstest]
#[tokio::test]
async fn renewing_with_another_identity_changes_nothing_until_the_person_says_what_it_was_for(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(false, true)] other_is_connected: bool,
) {
    let world = anybodys(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect_as(APP, EDITOR).await;
    if other_is_connected {
        person.connect_as(APP, READER).await;
    }
    let before = (world.access_token(&connection).await, world.rows("connections").await);
    let live = world.issuer.live_refresh_tokens();
    let question = consented_as_another(&world, &person, &connection).await;
    let kept = world.column("SELECT kept_tokens FROM connect_attempts WHERE status = $1", "kept").await;
    let kept = kept.expect("what is kept");
    assert!(world.issuer.issued().iter().all(|token| !kept.contains(token)), "it is kept sealed");
    let page = person.get(question.as_str()).await;
    assert_eq!(page.says("Switch to this account"), !other_is_connected, "{}", page.text);
    assert_eq!(page.says("Renew the other one"), other_is_connected, "{}", page.text);
    assert_eq!(decide(&person, &question, "drop").await.status, 303);
    world.settle().await;
    assert_eq!((world.access_token(&connection).await, world.rows("connections").await), before);
    // Beside a connection of the same identity it is kept, and ends with it.
    let beside = usize::from(other_is_connected);
    assert_eq!(
        world.issuer.live_refresh_tokens(),
        live + beside,
        "what is not kept is given back, and no more"
    );
    world.clock.advance(LIFETIME + 1);
    assert_eq!(subject(&world, &connection).await, EDITOR);
    let again = person.post(question.path(), &[("csrf", &page.csrf()), ("decision", "add")]).await;
    assert_eq!(again.status, 400, "it is decided once");
}

#[rstest]
#[tokio::test]
async fn another_identity_is_added_on_purpose(#[values(Sqlite, Postgres)] database: Database) {
    let world = anybodys(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect_as(APP, EDITOR).await;
    let question = consented_as_another(&world, &person, &connection).await;
    let done = decide(&person, &question, "add").await;
    let added = done.location().expect("the list").query_pairs().next().expect("an id").1.into_owned();
    assert_ne!(added, connection);
    world.settle().await;
    assert_eq!(
        (subject(&world, &connection).await, subject(&world, &added).await),
        (EDITOR.to_owned(), READER.to_owned())
    );
    assert_eq!(world.issuer.live_refresh_tokens(), 2);
}

#[rstest]
#[tokio::test]
async fn a_switch_on_purpose_keeps_the_id_and_takes_nothing_along_of_what_the_other_identity_allowed(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = anybodys(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect_as(APP, EDITOR).await;
    let old = world.access_token(&connection).await;
    let question = consented_as_another(&world, &person, &connection).await;
    let done = decide(&person, &question, "switch").await;
    assert_eq!(done.status, 303, "{}", done.text);
    world.settle().await;
    assert_eq!(subject(&world, &connection).await, READER);
    assert_ne!(world.access_token(&connection).await, old);
    assert_eq!(world.viewer(&old).await.status(), 401, "it stands for nobody any more");
    assert_eq!(world.rows("connections").await, 1);
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("You let this app act as another account."), "{}", page.text);
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!(world.issuer.live_refresh_tokens(), 0, "both end with it");
}

#[rstest]
#[tokio::test]
async fn what_nobody_decides_about_is_given_back_after_ten_minutes(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = anybodys(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect_as(APP, EDITOR).await;
    let question = consented_as_another(&world, &person, &connection).await;
    assert_eq!(world.issuer.live_refresh_tokens(), 2);
    world.clock.advance(601);
    assert_eq!(person.get(question.as_str()).await.status, 400);
    // The issuer is away at first.
    world.issuer.faults().revoke.next(Fault::status(503));
    drop_forgotten(&world.broker).await.expect("a database");
    world.settle().await;
    drop_forgotten(&world.broker).await.expect("a database");
    world.settle().await;
    assert_eq!((world.issuer.live_refresh_tokens(), world.issuer.revocations()), (2, 1));
    world.clock.advance(601);
    drop_forgotten(&world.broker).await.expect("a database");
    world.settle().await;
    assert_eq!(world.issuer.live_refresh_tokens(), 1);
    world.clock.advance(601);
    attache::consent::attempt::sweep(&world.broker).await.expect("a sweep");
    assert_eq!(world.rows("connect_attempts").await, 0);
}

#[rstest]
#[tokio::test]
async fn nobody_else_sees_or_decides_what_was_kept(#[values(Sqlite, Postgres)] database: Database) {
    let world = anybodys(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect_as(APP, EDITOR).await;
    let question = consented_as_another(&world, &person, &connection).await;
    for stranger in [world.signed_in(READER).await, world.signed_in(EDITOR).await] {
        assert_eq!(stranger.get(question.as_str()).await.status, 400, "another person, or another browser");
        let csrf = stranger.get("/account/connected-apps").await.csrf();
        let answer = stranger.post(question.path(), &[("csrf", &csrf), ("decision", "switch")]).await;
        assert_eq!(answer.status, 400);
    }
    assert_eq!(decide(&person, &question, "switch").await.status, 303);
}
