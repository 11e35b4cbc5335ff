//! The database fails one statement: nothing is handed out, lost, or said to be done that is not.

use attache::db::Fault;
use rstest::rstest;
use serde_json::json;

use crate::world::{Database, LIFETIME, Postgres, Sqlite, World};

#[rstest]
#[tokio::test]
async fn whoever_asks_while_the_database_is_busy_is_told_to_come_again(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(Fault::Busy, Fault::Lost, Fault::Refused)] fault: Fault,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    world.broker.held.forget_all();
    world.broker.db.faults().fail_next("FROM api_keys", fault);
    let answer = world.v1_token(&connection, &json!({})).await;
    assert_eq!((answer.status().as_u16(), world.broker.db.faults().left()), (503, 0));
    assert_eq!(answer.headers()["retry-after"], "5");
    assert!(!answer.text().await.expect("text").contains(&token), "nothing is handed out");
    assert_eq!(world.v1_token(&connection, &json!({})).await.status(), 200);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_grant_is_stored_though_the_connection_to_the_database_is_lost_on_the_way(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.clock.advance(LIFETIME);
    world.broker.db.faults().fail_next("SET status = CASE WHEN fence", Fault::Lost);
    world.get(&connection).await;
    world.settle().await;
    assert_eq!((world.broker.db.faults().left(), world.issuer.refreshes()), (0, 1));
    world.access_token(&connection).await;
    assert_eq!((world.issuer.refreshes(), world.status(&connection).await.as_str()), (1, "active"));
    // What was stored is the issuer's present refresh token.
    world.clock.advance(LIFETIME);
    world.access_token(&connection).await;
    assert_eq!(world.issuer.refreshes(), 2);
}

#[rstest]
#[tokio::test]
async fn a_revoke_that_the_database_refuses_is_not_said_to_be_done(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.access_token(&connection).await;
    world.broker.db.faults().fail_next("SET status = 'revoking'", Fault::Refused);
    let told = world.slack("delete", &[("external_token_id", &connection)]).await;
    assert_eq!((&told["ok"], world.broker.db.faults().left()), (&json!(false), 0));
    world.access_token(&connection).await;
    let told = world.slack("delete", &[("external_token_id", &connection)]).await;
    assert_eq!(told["ok"], true, "{told}");
    assert_eq!(world.get(&connection).await["error"], "token_not_found");
}
