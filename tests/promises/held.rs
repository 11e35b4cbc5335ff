//! What a process holds in memory is never older than the last answer: whatever ends or changes a connection, a key,
//! an app or a freeze shows in the very next request, also when a row was being read at that moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use attache::cache::Weigh;
use attache::db::row_cache::RowCache;
use attache::operator::{Command, run};
use rstest::rstest;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::world::{APP, Database, EDITOR, Postgres, Sqlite, World};

#[derive(Debug, PartialEq, Eq)]
struct Row(u32);

impl Weigh for Row {
    fn weight(&self) -> u64 {
        100
    }
}

#[tokio::test]
async fn a_row_that_changes_while_it_is_read_is_not_kept() {
    let world = World::new(Sqlite).await;
    let db = world.broker.db.clone();
    let rows = Arc::new(RowCache::<Row>::new(1 << 20, 100));
    let (reading, has_begun) = oneshot::channel();
    let (go_on, may_end) = oneshot::channel::<()>();
    let reader = tokio::spawn({
        let (db, rows) = (db.clone(), Arc::clone(&rows));
        async move {
            let old = async || {
                reading.send(()).expect("a listener");
                may_end.await.expect("a word");
                Ok::<_, sqlx::Error>(Some(Row(1)))
            };
            rows.get(&db, "a", old).await
        }
    });
    has_begun.await.expect("a reader");
    // The change is committed and answered while the reader still holds what was there before.
    rows.forget("a");
    let after = rows.get(&db, "a", async || Ok::<_, sqlx::Error>(Some(Row(2)))).await.expect("a row");
    assert_eq!(after.as_deref(), Some(&Row(2)));
    go_on.send(()).expect("a reader");
    reader.await.expect("an end").expect("a row");
    let kept = rows.get(&db, "a", async || panic!("it is held")).await.map_err(|error: sqlx::Error| error);
    assert_eq!(kept.expect("a row").as_deref(), Some(&Row(2)));
}

#[tokio::test]
async fn one_reading_serves_everybody_who_asks_meanwhile_and_memory_has_a_bound() {
    let world = World::new(Sqlite).await;
    let db = world.broker.db.clone();
    let rows = Arc::new(RowCache::<Row>::new(20_000, 100));
    let readings = Arc::new(AtomicUsize::new(0));
    let mut askers = JoinSet::new();
    for _ in 0..50 {
        let (db, rows, readings) = (db.clone(), Arc::clone(&rows), Arc::clone(&readings));
        askers.spawn(async move {
            let read = async || {
                readings.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok::<_, sqlx::Error>(Some(Row(7)))
            };
            rows.get(&db, "a", read).await.expect("a row")
        });
    }
    askers.join_all().await;
    assert_eq!(readings.load(Ordering::SeqCst), 1);
    for number in 0..10_000 {
        let id = format!("row {number}");
        rows.get(&db, &id, async || Ok::<_, sqlx::Error>(Some(Row(number)))).await.expect("a row");
    }
    let again = Arc::new(AtomicUsize::new(0));
    for number in 0..10_000 {
        let read = async || {
            again.fetch_add(1, Ordering::SeqCst);
            Ok::<_, sqlx::Error>(Some(Row(number)))
        };
        rows.get(&db, &format!("row {number}"), read).await.expect("a row");
    }
    assert!(again.load(Ordering::SeqCst) > 9_500, "most of them had been let go of");
}

#[rstest]
#[tokio::test]
async fn a_second_hand_out_reads_nothing_where_the_process_is_alone(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    // With the database gone, what is held still serves on SQLite; on PostgreSQL nothing that authorizes is held.
    world.broker.db.pool.close().await;
    let answer = world.get(&connection).await;
    if world.broker.db.is_alone() {
        assert_eq!(answer["external_token"], token);
    } else {
        assert_eq!(answer["ok"], false);
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_request_that_begins_after_a_revoke_gets_a_token_however_many_are_reading(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = Arc::new(World::new(database).await);
    for round in 0..5 {
        let connection = world.connection().await;
        world.access_token(&connection).await;
        let revoked = Arc::new(AtomicBool::new(false));
        let mut readers = JoinSet::new();
        for _ in 0..8 {
            let (world, connection) = (Arc::clone(&world), connection.clone());
            let revoked = Arc::clone(&revoked);
            readers.spawn(async move {
                loop {
                    let begun_after = revoked.load(Ordering::SeqCst);
                    let answer = world.get(&connection).await;
                    if begun_after {
                        assert_eq!(answer["error"], "token_not_found", "{answer}");
                        return;
                    }
                }
            });
        }
        for _ in 0..round * 3 {
            tokio::task::yield_now().await;
        }
        let answer = world.slack("delete", &[("external_token_id", &connection)]).await;
        revoked.store(true, Ordering::SeqCst);
        assert_eq!(answer["ok"], true, "{answer}");
        readers.join_all().await;
    }
}

#[rstest]
#[tokio::test]
async fn whatever_decides_shows_in_the_very_next_request(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.access_token(&connection).await;
    let (_, key) = world.make_caller("short_lived", &[APP]).await;
    let get = async |key: &str| {
        let url = world.url("/api/apps.auth.external.get");
        let form = [("external_token_id", connection.as_str())];
        let answer = world.http.post(url).bearer_auth(key).form(&form).send().await.expect("an answer");
        answer.json::<serde_json::Value>().await.expect("JSON")
    };
    assert_eq!(get(&key).await["ok"], true);
    let id = key.split('_').nth(1).expect("an id").to_owned();
    run(&world.broker, Command::RevokeKey { id }).await.expect("a revoke");
    assert_eq!(get(&key).await["error"], "invalid_auth");
    // A refresh shows its new token, a reconnect too.
    let before = world.access_token(&connection).await;
    world.clock.advance(60);
    let forced = [("external_token_id", connection.as_str()), ("force_refresh", "true")];
    let refreshed = world.slack("get", &forced).await["external_token"].clone();
    assert_ne!(refreshed, json!(before));
    assert_eq!(world.get(&connection).await["external_token"], refreshed);
    world.signed_in(EDITOR).await.connect_as(APP, EDITOR).await;
    let reconnected = world.get(&connection).await["external_token"].clone();
    assert_ne!(reconnected, refreshed);
    // The token of before is this connection's while it lives; after a revoke it is nobody's.
    let subject = refreshed.as_str().expect("a token");
    assert_eq!(world.exchange(&[("subject_token", subject)]).await.status(), 200);
    assert_eq!(world.exchange(&[("subject_token", subject)]).await.status(), 200);
    world.slack("delete", &[("external_token_id", &connection)]).await;
    assert_eq!(world.exchange(&[("subject_token", subject)]).await.status(), 400);
    assert_eq!(world.viewer(subject).await.status(), 401);
}
