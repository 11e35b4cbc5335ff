//! Races that would lose a grant, or leave one alive that was stopped: each is forced, none is hoped for.

use std::time::Duration;

use attache::db::sql;
use attache::revoke::tell::tell_again;
use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::TokenShape;
use rstest::rstest;
use serde_json::{Value, json};

use crate::person::Person;
use crate::world::{APP, Database, EDITOR, LIFETIME, Plan, Postgres, Sqlite, World, open, until};

/// A world whose one connection needs a refresh.
async fn due(database: Database) -> (World, String) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.caller().await;
    world.clock.advance(LIFETIME + 1);
    (world, connection)
}

/// The next token request, which is the refresh, is carried out at once and answered late.
fn order_a_late_answer(world: &World) {
    world.issuer.faults().token.next(Fault::DelayAfterProcessing(Duration::from_millis(700)));
}

async fn until_the_issuer_was_asked(world: &World) {
    until("the issuer is asked", async || world.issuer.refreshes() > 0).await;
}

#[rstest]
#[tokio::test]
async fn a_holder_that_lost_its_lease_still_stores_what_it_was_given(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, connection) = due(database).await;
    order_a_late_answer(&world);
    let overtake = async {
        until_the_issuer_was_asked(&world).await;
        // As another replica does once the lease has run out.
        let sql = "UPDATE connections SET fence = fence + 1, lease_until = lease_until + 1 WHERE id = $1";
        world.change(sqlx::query(sql).bind(&connection)).await;
    };
    let (answer, ()) = tokio::join!(world.get(&connection), overtake);
    assert_eq!(answer["ok"], true, "{answer}");
    world.clock.advance(LIFETIME + 1);
    world.access_token(&connection).await;
    assert_eq!((world.issuer.refreshes(), world.issuer.live_refresh_tokens()), (2, 1));
}

#[rstest]
#[tokio::test]
async fn a_consent_that_kept_the_old_refresh_token_does_not_lose_its_successor(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, connection) = due(database).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}?connection={connection}"), EDITOR).await;
    order_a_late_answer(&world);
    let reconnect = async {
        until_the_issuer_was_asked(&world).await;
        world.issuer.faults().token_shape.next(TokenShape::Without("refresh_token"));
        person.get(callback.as_str()).await
    };
    let (_, reconnected) = tokio::join!(world.get(&connection), reconnect);
    assert_eq!(reconnected.status, 303, "{}", reconnected.text);
    world.settle().await;
    world.clock.advance(LIFETIME + 1);
    world.access_token(&connection).await;
    assert_eq!(world.status(&connection).await, "active");
}

#[rstest]
#[tokio::test]
async fn the_token_of_a_refresh_that_a_revoke_overtook_is_revoked_until_the_issuer_confirms(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, connection) = due(database).await;
    world.issuer.faults().revoke.next(Fault::status(503));
    let person = world.signed_in(EDITOR).await;
    order_a_late_answer(&world);
    let revoke = async {
        until_the_issuer_was_asked(&world).await;
        person.stop(&connection).await
    };
    let (answer, stopped) = tokio::join!(world.get(&connection), revoke);
    assert_eq!((answer["ok"].as_bool(), stopped.status.as_u16()), (Some(false), 303));
    world.settle().await;
    assert_eq!(
        (world.status(&connection).await.as_str(), world.issuer.live_refresh_tokens()),
        ("revoking", 1)
    );
    world.clock.advance(120);
    tell_again(&world.broker).await.expect("the outbox");
    world.settle().await;
    assert_eq!(
        (world.status(&connection).await.as_str(), world.issuer.live_refresh_tokens()),
        ("revoked", 0)
    );
}

#[rstest]
#[tokio::test]
async fn an_issuer_that_is_not_to_be_found_is_no_doubt_and_no_second_use(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.caller().await;
    let replica = world.process(&world.config).await;
    world.clock.advance(LIFETIME + 1);
    world.issuer.faults().discovery.always(Fault::Hang);
    let (_, key) = world.caller().await;
    let ask = || async {
        let request = world.http.post(format!("{}/v1/connections/{connection}/token", replica.url));
        request.bearer_auth(&key).json(&json!({})).send().await.expect("an answer")
    };
    assert_eq!(ask().await.status(), 503);
    assert_eq!((world.status(&connection).await.as_str(), world.issuer.refreshes()), ("backoff", 0));
    world.issuer.faults().discovery.clear();
    world.clock.advance(10);
    let answer: Value = ask().await.json().await.expect("JSON");
    assert!(answer["access_token"].is_string(), "{answer}");
}

#[rstest]
#[tokio::test]
async fn an_access_token_on_two_peoples_connections_stands_for_neither(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(
        database,
        Plan {
            replace: vec![("[apps.content-writer]\n", "[apps.content-writer]\nidentity = \"any\"\n")],
            ..Plan::default()
        },
    )
    .await;
    let first = world.signed_in(EDITOR).await.connect_as(APP, EDITOR).await;
    let reader: Person<'_> = world.signed_in(crate::world::READER).await;
    let second = reader.connect_as(APP, EDITOR).await;
    assert_ne!(first, second);
    let token = world.access_token(&first).await;
    assert_eq!(world.viewer(&token).await.status(), 200);
    // As an issuer does that gives one access token as long as it lives.
    let same = "UPDATE connections SET access_token_hash = (SELECT access_token_hash FROM connections WHERE id = $1)";
    world.change(sqlx::query(same).bind(&first)).await;
    assert_eq!(world.viewer(&token).await.status(), 401);
    assert_eq!(world.exchange(&[("subject_token", &token)]).await.status(), 400);
}

#[tokio::test]
async fn replicas_that_start_at_once_on_an_empty_database_all_start_with_the_same_keys() {
    let world = World::new(Postgres).await;
    let fresh = crate::postgres::create().await;
    let old = world.config.split("[database]\nurl = \"").nth(1).and_then(|rest| rest.split('"').next());
    let config = world.config.replace(old.expect("the database's URL"), fresh.expose());
    let (a, b, c, d) = tokio::join!(
        open(&config, &world.clock),
        open(&config, &world.clock),
        open(&config, &world.clock),
        open(&config, &world.clock),
    );
    let keys = a.signing_keys.key_set();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1));
    assert!([b, c, d].iter().all(|other| other.signing_keys.key_set() == keys));
}

/// Connections of the database that are in a transaction and ask nothing, but for those by which processes show that they
/// live.
async fn in_transaction(broker: &attache::Broker) -> i64 {
    let count = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND state LIKE 'idle in transaction%' AND application_name <> 'attache presence'";
    sqlx::Row::get(&sqlx::query(count).fetch_one(&broker.db.pool).await.expect("a row"), 0)
}

#[tokio::test]
async fn who_is_cut_off_at_the_beginning_of_a_change_leaves_no_connection_that_forgets_the_next() {
    let world = World::new(Postgres).await;
    let connection = world.connection().await;
    let other = world.process_broker().await;
    for round in 0..400 {
        // A timer would be far too coarse.
        let a_moment = async {
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            _ = world.broker.db.begin() => {}
            () = a_moment => {}
        }
    }
    // One that was given up is rolled back by itself, soon.
    until("no connection is in a transaction that nobody knows of", async || {
        in_transaction(&other).await == 0
    })
    .await;
    for cause in 0..20 {
        let cause = format!("cause-{cause}");
        let change = sql("UPDATE connections SET cause = $1 WHERE id = $2").bind(&cause).bind(&connection);
        change.execute(&world.broker.db).await.expect("a change");
        let seen = sqlx::query("SELECT cause FROM connections WHERE id = $1").bind(&connection);
        let seen: String = sqlx::Row::get(&seen.fetch_one(&other.db.pool).await.expect("a row"), 0);
        assert_eq!(seen, cause, "acknowledged, and not committed");
    }
}
