//! What an operator stopped, no person and no caller can lift: not by stopping and connecting again, not by deleting the
//! account and signing in anew, not with a token that is still held.

use attache::account::delete;
use attache::ledger::hand_out;
use attache::operator::select::Named;
use attache::operator::{Command, run};
use attache::refresh::early::Line;
use attache::sandbox::issuer::TokenShape;
use rstest::rstest;
use serde_json::Value;

use crate::connect_identity::anybodys;
use crate::freeze::{account, asked, freeze, unfreeze};
use crate::person::Person;
use crate::world::{APP, Database, EDITOR, LIFETIME, Postgres, READER, Sqlite, World, refused};

async fn delete_account(world: &World, person: &Person<'_>) {
    let csrf = person.get("/account/connected-apps").await.csrf();
    assert_eq!(person.post("/account/delete", &[("csrf", &csrf)]).await.status, 303);
    world.settle().await;
    // Until nothing is left of it.
    world.clock.advance(121);
    delete::go_on(&world.broker).await.expect("it goes on");
}

async fn is_paused(world: &World, connection: &str) -> bool {
    let answer = world.get(connection).await;
    let paused = answer["state"] == "paused";
    assert_eq!(answer["ok"] == true, !paused, "{answer}");
    paused
}

#[rstest]
#[tokio::test]
async fn a_freeze_of_an_account_is_kept_through_a_deletion_and_a_new_sign_in(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(false, true)] by_id: bool,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let others = world.signed_in(READER).await.connect_as(APP, READER).await;
    let id = world.column("SELECT account_id FROM connections WHERE id = $1", &connection).await;
    let id = id.expect("an account");
    let frozen = freeze(&world, asked(account(if by_id { &id } else { EDITOR }))).await;
    assert!(is_paused(&world, &connection).await);
    delete_account(&world, &person).await;
    for column in ["target", "pseudonym", "reason"] {
        let left = world.rows(&format!("freezes WHERE {column} LIKE '%editor%'")).await;
        assert_eq!(left, 0, "the name is erased");
    }
    let list = run(&world.broker, Command::ListFreezes).await.expect("a list").lines.join("\n");
    assert!(list.contains(&format!("{id} (deleted)")), "{list}");
    let again = world.signed_in(EDITOR).await;
    let new = again.connect(APP).await;
    assert!(is_paused(&world, &new).await, "another account, the same person");
    let page = again.get(&format!("/account/connected-apps/{new}")).await;
    assert!(page.says("Held"), "{}", page.text);
    let list = again.get("/account/connected-apps").await;
    assert!(list.says("Held"), "{}", list.text);
    assert!(!is_paused(&world, &others).await);
    unfreeze(&world, &frozen).await.expect("lifted");
    assert!(!is_paused(&world, &new).await);
}

#[rstest]
#[tokio::test]
async fn a_freeze_of_a_connection_is_of_its_account_app_and_identity(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(false, true)] deletes: bool,
) {
    let world = anybodys(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect_as(APP, EDITOR).await;
    let frozen = freeze(&world, asked(Named::Connection(connection.clone()))).await;
    let person = if deletes {
        delete_account(&world, &person).await;
        world.signed_in(EDITOR).await
    } else {
        person.stop(&connection).await;
        world.settle().await;
        person
    };
    let again = person.connect_as(APP, EDITOR).await;
    assert_ne!(again, connection);
    assert!(is_paused(&world, &again).await);
    let page = person.get(&format!("/account/connected-apps/{again}")).await;
    assert!(page.says("Held"), "{}", page.text);
    // Another identity, or another person, is another connection.
    let another = person.connect_as(APP, READER).await;
    let others = world.signed_in(READER).await.connect_as(APP, EDITOR).await;
    assert!(!is_paused(&world, &another).await);
    assert!(!is_paused(&world, &others).await);
    unfreeze(&world, &frozen).await.expect("lifted");
    assert!(!is_paused(&world, &again).await);
}

#[rstest]
#[tokio::test]
async fn a_persons_own_pause_ends_with_what_they_paused(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let path = format!("/account/connected-apps/{connection}");
    let csrf = person.get(&path).await.csrf();
    person.post(&format!("{path}/pause"), &[("csrf", &csrf)]).await;
    assert!(is_paused(&world, &connection).await);
    person.stop(&connection).await;
    world.settle().await;
    assert!(!is_paused(&world, &person.connect(APP).await).await);
}

#[rstest]
#[tokio::test]
async fn a_freeze_of_before_there_were_pseudonyms_is_given_one_at_the_next_start(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    freeze(&world, asked(account(EDITOR))).await;
    world.change(sqlx::query("UPDATE freezes SET pseudonym = NULL")).await;
    world.restart(&world.config).await;
    delete_account(&world, &person).await;
    assert_ne!(world.get(&connection).await["ok"], true);
    let new = world.signed_in(EDITOR).await.connect(APP).await;
    assert!(is_paused(&world, &new).await);
}

async fn code(world: &World, token: &str) -> (u16, Value) {
    let answer = world.viewer(token).await;
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.expect("JSON");
    (status, body["errors"][0]["extensions"]["code"].clone())
}

#[rstest]
#[tokio::test]
async fn a_frozen_caller_does_nothing_with_a_token_that_it_holds(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(false, true)] refreshed: bool,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    if refreshed {
        world.clock.advance(60);
        let form = [("external_token_id", connection.as_str()), ("force_refresh", "true")];
        let (_, other) = world.make_caller("other", &[APP]).await;
        let url = world.url("/api/apps.auth.external.get");
        let forced = world.http.post(url).bearer_auth(&other).form(&form).send().await.expect("an answer");
        assert_eq!(forced.json::<Value>().await.expect("JSON")["ok"], true);
    }
    assert_eq!(code(&world, &token).await, (200, Value::Null));
    let (caller, _) = world.caller().await;
    let frozen = freeze(&world, asked(Named::Caller(caller))).await;
    assert_eq!(code(&world, &token).await, (200, "paused".into()));
    refused(world.exchange(&[("subject_token", &token)]).await, 400, "invalid_request").await;
    unfreeze(&world, &frozen).await.expect("lifted");
    assert_eq!(code(&world, &token).await, (200, Value::Null));
}

#[rstest]
#[tokio::test]
async fn a_frozen_caller_does_nothing_with_a_token_that_outlived_a_refresh(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    hand_out::flush(&world.broker).await.expect("a flush");
    // A refresh that brings nothing to hand out leaves what was given before.
    world.clock.advance(LIFETIME * 4 / 5);
    world.issuer.faults().token_shape.next(TokenShape::Without("access_token"));
    assert_eq!(Line::default().begin_due(&world.broker).await.expect("what is due"), 1);
    world.settle().await;
    assert_eq!((world.issuer.refreshes(), code(&world, &token).await), (1, (200, Value::Null)));
    let (caller, _) = world.caller().await;
    freeze(&world, asked(Named::Caller(caller))).await;
    assert_eq!(code(&world, &token).await, (200, "paused".into()));
}

#[rstest]
#[tokio::test]
async fn a_caller_without_a_live_key_does_nothing_with_a_token_that_it_holds(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let (_, key) = world.caller().await;
    let second = Command::CreateKey { caller: "create_content_function".to_owned(), apps: Vec::new() };
    let second = run(&world.broker, second).await.expect("a key").secret.expect("a key");
    let revoke = async |key: &str| {
        let key_id = key.split('_').nth(1).expect("an id").to_owned();
        run(&world.broker, Command::RevokeKey { id: key_id }).await.expect("revoked");
    };
    revoke(&key).await;
    assert_eq!(code(&world, &token).await, (200, Value::Null), "it has changed to its other key");
    revoke(second.expose()).await;
    assert_eq!(code(&world, &token).await, (401, "invalid_token".into()));
}

#[rstest]
#[tokio::test]
async fn a_token_that_another_caller_was_handed_too_is_that_ones(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let (_, other) = world.make_caller("other", &[APP]).await;
    let url = world.url("/api/apps.auth.external.get");
    let form = [("external_token_id", connection.as_str())];
    world.http.post(url).bearer_auth(&other).form(&form).send().await.expect("an answer");
    let (caller, _) = world.caller().await;
    freeze(&world, asked(Named::Caller(caller))).await;
    assert_eq!(code(&world, &token).await, (200, Value::Null), "nobody can tell who shows it");
    freeze(&world, asked(Named::Caller("other".to_owned()))).await;
    assert_eq!(code(&world, &token).await, (200, "paused".into()));
}
