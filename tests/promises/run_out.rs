//! What ends without an answer's word: access tokens that nothing can renew, and grants that are refused again and again.

use attache::refresh::early::Line;
use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::TokenShape;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{APP, Database, EDITOR, LIFETIME, Postgres, READER, Sqlite, World};

async fn cause(world: &World, connection: &str) -> Option<String> {
    world.column("SELECT cause FROM connections WHERE id = $1", connection).await
}

async fn needs_its_person(world: &World, connection: &str, why: &str) {
    let found = (world.status(connection).await, cause(world, connection).await);
    assert_eq!(found, ("needs_reconnect".to_owned(), Some(why.to_owned())));
}

/// A connection whose issuer gave no refresh token.
async fn access_only(world: &World) -> String {
    world.issuer.faults().token_shape.next(TokenShape::Without("refresh_token"));
    let person = world.signed_in(EDITOR).await;
    world.issuer.faults().token_shape.clear();
    world.issuer.faults().token_shape.next(TokenShape::Without("refresh_token"));
    person.connect(APP).await
}

#[rstest]
#[tokio::test]
async fn what_nothing_can_renew_needs_its_person_when_it_has_run_out_and_every_wire_says_so(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = access_only(&world).await;
    world.access_token(&connection).await;
    world.clock.advance(LIFETIME + 1);
    let slack = world.get(&connection).await;
    assert_eq!(
        (slack["error"].as_str(), slack["state"].as_str()),
        (Some("no_refresh_token"), Some("reconnect_required"))
    );
    needs_its_person(&world, &connection, "no_refresh_token").await;
    assert_eq!(world.get(&connection).await["error"], "no_refresh_token");
    let v1: Value = world.v1_token(&connection, &json!({})).await.json().await.expect("JSON");
    assert_eq!(
        (v1["error"].as_str(), v1["cause"].as_str()),
        (Some("reconnect_required"), Some("no_refresh_token"))
    );
    let list = world.signed_in(EDITOR).await.get("/account/connected-apps").await;
    assert!(list.says("Needs you"), "{}", list.text);
    assert_eq!(world.issuer.refreshes(), 0);
}

#[rstest]
#[tokio::test]
async fn what_has_run_out_is_known_though_nobody_asks(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = access_only(&world).await;
    let look = async || Line::default().begin_due(&world.broker).await.expect("what is due");
    world.clock.advance(LIFETIME - 1);
    look().await;
    assert_eq!(world.status(&connection).await, "active");
    world.clock.advance(1);
    look().await;
    needs_its_person(&world, &connection, "no_refresh_token").await;
}

/// The editor's grant is refused by this word once.
async fn refused(world: &World, connection: &str, error: &str) {
    world.issuer.faults().token.next(Fault::oauth(400, error));
    assert_eq!(world.get(connection).await["ok"], false);
}

#[rstest]
#[tokio::test]
async fn three_refusals_over_an_hour_end_a_grant_while_its_issuer_gives_others_theirs(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(true, false)] others_work: bool,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let other = world.signed_in(READER).await.connect_as(APP, READER).await;
    world.clock.advance(LIFETIME + 1);
    refused(&world, &connection, "invalid_request").await;
    world.clock.advance(1800);
    refused(&world, &connection, "invalid_request").await;
    if others_work {
        world.access_token(&other).await;
    }
    world.clock.advance(1799);
    refused(&world, &connection, "invalid_request").await;
    assert_eq!(world.status(&connection).await, "backoff", "an hour is not over");
    world.clock.advance(900);
    refused(&world, &connection, "invalid_request").await;
    if others_work {
        needs_its_person(&world, &connection, "refused").await;
        let said = "SELECT detail FROM ledger WHERE connection_id = $1 AND action = 'needs_reconnect'";
        let said = world.column(said, &connection).await.expect("a transcript");
        assert!(said.contains("invalid_request"), "{said}");
    } else {
        assert_eq!(world.status(&connection).await, "backoff", "perhaps nobody's grant works");
    }
}

#[rstest]
#[tokio::test]
async fn refusals_that_say_how_the_client_asks_end_no_grant(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let other = world.signed_in(READER).await.connect_as(APP, READER).await;
    for _ in 0..5 {
        world.clock.advance(LIFETIME + 1);
        refused(&world, &connection, "unsupported_grant_type").await;
        world.access_token(&other).await;
    }
    assert_eq!(world.status(&connection).await, "backoff");
    world.clock.advance(LIFETIME + 1);
    world.access_token(&connection).await;
}

#[rstest]
#[tokio::test]
async fn a_refresh_in_between_makes_good_what_was_refused(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let other = world.signed_in(READER).await.connect_as(APP, READER).await;
    for _ in 0..4 {
        world.clock.advance(LIFETIME + 1);
        refused(&world, &connection, "invalid_request").await;
        world.access_token(&other).await;
        world.clock.advance(LIFETIME);
        world.access_token(&connection).await;
    }
    assert_eq!(world.status(&connection).await, "active");
}
