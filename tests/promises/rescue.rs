//! A refreshed grant that the database will not take is in the rescue journal, synced, before anything else is tried:
//! it outlives the process, and leaves the journal once it is stored.

use std::path::PathBuf;
use std::time::Duration;

use attache::access::decide::Demand;
use attache::access::hand_out::access_token;
use attache::sandbox::fault::Fault;
use attache::secret::Token;
use rstest::rstest;

use crate::world::{Database, LIFETIME, Postgres, Sqlite, World, open, until};

const DEMAND: Demand = Demand { min_ttl: 60, force_refresh: false };

fn journal(world: &World) -> PathBuf {
    world.directory().join("rescue")
}

/// What is in it of a connection.
fn rescued(world: &World, connection: &str) -> bool {
    let text = std::fs::read(journal(world)).unwrap_or_default();
    String::from_utf8_lossy(&text).contains(connection)
}

/// An expired connection whose refresh answers only after the database has stopped to take it.
async fn refreshed_into_the_void(world: &World, connection: &str, ask: impl FnOnce()) {
    world.clock.advance(LIFETIME);
    world.issuer.faults().token.next(Fault::DelayAfterProcessing(Duration::from_millis(700)));
    ask();
    until("the issuer is asked", async || world.issuer.refreshes() == 1).await;
    // Not the reads of other tables: just this one's rows cannot be changed any more.
    world.change(sqlx::query("ALTER TABLE connections RENAME TO lost")).await;
    until("the journal holds it", async || rescued(world, connection)).await;
    let text = std::fs::read(journal(world)).expect("a journal");
    assert!(String::from_utf8_lossy(&text).contains("\"refresh_token\":\"v1."), "it is sealed");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_grant_that_cannot_be_stored_waits_in_the_journal_until_it_can(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = std::sync::Arc::new(World::new(database).await);
    let connection = world.connection().await;
    let (_, key) = world.caller().await;
    let asking = (std::sync::Arc::clone(&world), connection.clone());
    refreshed_into_the_void(&world, &connection, || {
        tokio::spawn(
            async move { access_token(&asking.0.broker, &Token::new(key), &asking.1, DEMAND).await },
        );
    })
    .await;
    world.change(sqlx::query("ALTER TABLE lost RENAME TO connections")).await;
    until("it is stored and tidied away", async || !rescued(&world, &connection)).await;
    // The flight lands after that; nobody who asks from here on joins it.
    world.settle().await;
    assert_eq!(world.status(&connection).await, "active");
    world.access_token(&connection).await;
    assert_eq!(world.issuer.refreshes(), 1);
    // What was stored is the issuer's present refresh token.
    world.clock.advance(LIFETIME);
    world.access_token(&connection).await;
    assert_eq!(world.issuer.refreshes(), 2);
}

/// A process that ends without a word, with a refreshed grant in its journal.
async fn dies_with_a_grant(world: &World, connection: &str) {
    let (_, key) = world.caller().await;
    let process = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let process = process.expect("a runtime");
    let (config, clock) = (world.config.clone(), world.clock.clone());
    let handle = process.handle().clone();
    let opened = tokio::task::spawn_blocking(move || handle.block_on(open(&config, &clock)));
    let broker = opened.await.expect("an app");
    let id = connection.to_owned();
    refreshed_into_the_void(world, connection, || {
        process.spawn(async move { access_token(&broker, &Token::new(key), &id, DEMAND).await });
    })
    .await;
    // Only when its threads have stopped can nothing of it reach the database any more.
    let ended = tokio::task::spawn_blocking(move || process.shutdown_timeout(Duration::from_secs(20)));
    ended.await.expect("an end");
    world.change(sqlx::query("ALTER TABLE lost RENAME TO connections")).await;
    assert_eq!(world.status(connection).await, "refreshing");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_grant_in_the_journal_outlives_its_process(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    dies_with_a_grant(&world, &connection).await;
    world.restart(&world.config).await;
    assert!(!rescued(&world, &connection));
    assert_eq!(world.status(&connection).await, "active");
    world.access_token(&connection).await;
    assert_eq!(world.issuer.refreshes(), 1);
    world.clock.advance(LIFETIME);
    world.access_token(&connection).await;
    assert_eq!(world.issuer.refreshes(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_grant_that_was_left_where_the_journal_was_by_default_is_not_forgotten() {
    let world = World::new(Sqlite).await;
    let connection = world.connection().await;
    dies_with_a_grant(&world, &connection).await;
    std::fs::rename(journal(&world), world.directory().join("attache.rescue")).expect("a move");
    world.restart(&world.config).await;
    assert_eq!(world.status(&connection).await, "active");
    world.access_token(&connection).await;
    assert_eq!(world.issuer.refreshes(), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_grant_in_the_journal_of_a_revoked_connection_dies_at_the_issuer_too(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    dies_with_a_grant(&world, &connection).await;
    let revoked = world.slack("delete", &[("external_token_id", &connection)]).await;
    assert_eq!(revoked["ok"], true, "{revoked}");
    world.restart(&world.config).await;
    assert!(!rescued(&world, &connection));
    world.clock.advance(LIFETIME);
    attache::revoke::tell::tell_again(&world.broker).await.expect("an outbox");
    world.settle().await;
    assert_eq!(world.status(&connection).await, "revoked");
    assert_eq!(world.issuer.live_refresh_tokens(), 0);
}

#[tokio::test]
async fn a_process_alone_on_its_database_waits_for_no_lease_of_the_one_before() {
    let world = World::new(Sqlite).await;
    let connection = world.connection().await;
    world.clock.advance(LIFETIME);
    // It died in the middle of a refresh, and its clock was wrong.
    let leased = "UPDATE connections SET status = 'refreshing', fence = fence + 1, intent_generation = generation, \
        lease_until = 9000000000 WHERE id = $1";
    world.change(sqlx::query(leased).bind(&connection)).await;
    world.access_token(&connection).await;
    assert_eq!((world.issuer.refreshes(), world.status(&connection).await.as_str()), (1, "active"));
}

#[rstest]
#[tokio::test]
async fn a_journal_that_was_cut_short_or_is_out_of_date_keeps_nothing_from_starting(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let old = format!(
        "{{\"connection_id\":\"{connection}\",\"generation\":0,\"fence\":0,\"access_token\":null,\
         \"access_token_hash\":null,\"access_expires_at\":null,\"refresh_token\":null,\"granted_scopes\":\"\"}}\n\n\
         {{\"connection_id\":\"EtGONE"
    );
    std::fs::write(journal(&world), old).expect("a journal");
    world.restart(&world.config).await;
    assert_eq!(world.access_token(&connection).await, token);
}
