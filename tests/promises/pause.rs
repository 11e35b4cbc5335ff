//! Pause: a person stops an app for a while on its page, and only they let it go on.

use attache::operator::select::Named;
use rstest::rstest;
use serde_json::{Value, json};

use crate::freeze::{asked, freeze, unfreeze};
use crate::person::{Page, Person};
use crate::world::{APP, Database, EDITOR, Postgres, READER, Sqlite, World};

async fn press(person: &Person<'_>, connection: &str, what: &str) -> Page {
    let path = format!("/account/connected-apps/{connection}");
    let page = person.get(&path).await;
    assert_eq!(page.status, 200);
    person.post(&format!("{path}/{what}"), &[("csrf", &page.csrf())]).await
}

/// What a caller is told of a pause: of the one, and in its list.
async fn told(world: &World, connection: &str) -> [Value; 2] {
    let (_, key) = world.caller().await;
    let read = async |path: String| -> Value {
        let answer = world.http.get(world.url(&path)).bearer_auth(&key).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    };
    let one = read(format!("/v1/connections/{connection}")).await;
    assert_eq!(one["state"], "active");
    [one["paused"].clone(), read("/v1/connections".to_owned()).await["connections"][0]["paused"].clone()]
}

#[rstest]
#[tokio::test]
async fn a_person_pauses_an_app_and_lets_it_go_on(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let path = format!("/account/connected-apps/{connection}");
    let page = person.get(&path).await;
    assert!(page.says(">Pause</button>") && page.says("Active"), "{}", page.text);
    // Pressed twice, it is paused once.
    for _ in 0..2 {
        assert_eq!(press(&person, &connection, "pause").await.status, 303);
    }
    assert_eq!(world.get(&connection).await["state"], "paused");
    assert_eq!(told(&world, &connection).await, [json!(true), json!(true)]);
    let page = person.get(&path).await;
    assert!(page.says("Paused by you") && page.says(">Resume</button>"), "{}", page.text);
    assert!(page.says("You paused this app.") && page.says("Stop access"), "{}", page.text);
    assert!(person.get("/account/connected-apps").await.says("Paused by you"));
    press(&person, &connection, "resume").await;
    world.access_token(&connection).await;
    assert_eq!(told(&world, &connection).await, [Value::Null, Value::Null]);
    let page = person.get(&path).await;
    assert!(page.says("You resumed this app.") && page.says("Active"), "{}", page.text);
    assert_eq!(world.issuer.refreshes(), 0);
    // What is paused can be stopped for good.
    press(&person, &connection, "pause").await;
    assert_eq!(person.stop(&connection).await.status, 303);
    world.settle().await;
    assert!(!person.get(&path).await.says("Paused by you"));
    attache::freeze::freezes::sweep(&world.broker).await.expect("swept");
    assert_eq!(world.rows("freezes").await, 0);
}

#[rstest]
#[tokio::test]
async fn nobody_pauses_or_resumes_what_is_anothers(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let stranger = world.signed_in(READER).await;
    let own = stranger.connect_as(APP, READER).await;
    let csrf = stranger.get(&format!("/account/connected-apps/{own}")).await.csrf();
    for what in ["pause", "resume"] {
        let path = format!("/account/connected-apps/{connection}/{what}");
        assert_eq!(stranger.post(&path, &[("csrf", &csrf)]).await.status, 404);
        assert_eq!(stranger.post(&path, &[("csrf", "guessed")]).await.status, 403);
        let foreign = [("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")];
        let own = format!("/account/connected-apps/{own}/{what}");
        assert_eq!(stranger.post_with(&own, &[("csrf", &csrf)], &foreign).await.status, 403);
    }
    world.access_token(&connection).await;
    press(&person, &connection, "pause").await;
    stranger.post(&format!("/account/connected-apps/{connection}/resume"), &[("csrf", &csrf)]).await;
    assert_eq!(world.get(&connection).await["state"], "paused");
}

#[rstest]
#[tokio::test]
async fn neither_a_person_nor_an_operator_lifts_what_the_other_stopped(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    press(&person, &connection, "pause").await;
    let pause = world.column("SELECT id FROM freezes WHERE target = $1", &connection).await.expect("a pause");
    let refused = unfreeze(&world, &pause).await.expect_err("only the person lifts it").to_string();
    assert!(refused.contains("own pause"), "{refused}");
    let frozen = freeze(&world, asked(Named::Connection(connection.clone()))).await;
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("Held by an administrator") && !page.says("laptop"), "{}", page.text);
    press(&person, &connection, "resume").await;
    assert_eq!(world.get(&connection).await["state"], "paused", "the operator's stands");
    assert!(person.get("/account/connected-apps").await.says("Held by an administrator"));
    unfreeze(&world, &frozen).await.expect("lifted");
    world.access_token(&connection).await;
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("An administrator held this app."), "{}", page.text);
}
