//! Changes to the database: many at once are all kept, one that is given up leaves nothing, and nobody is told that
//! something is durable which is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use attache::db::write::Transaction;
use attache::db::{self, sql};
use rstest::rstest;
use sqlx::Row;
use tokio::task::JoinSet;

use crate::world::{Database, Postgres, Sqlite, World};

const INSERT: &str =
    "INSERT INTO callers (id, name, status, source, created_at) VALUES ($1, $2, 'active', 'cli', 0)";

async fn insert(transaction: &mut Transaction, name: &str) -> Result<(), db::Error> {
    sql(INSERT).bind(format!("ca_{name}")).bind(name).execute(&mut **transaction).await.map(drop)
}

async fn names(world: &World) -> Vec<String> {
    let select = "SELECT name FROM callers ORDER BY name";
    let rows = sqlx::query(select).fetch_all(&world.broker.db.pool).await.expect("rows");
    rows.iter().map(|row| row.get(0)).collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_three_hundred_changes_at_once_each_is_kept_and_none_finds_the_database_locked(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let mut changes = JoinSet::new();
    for number in 0..300 {
        let db = world.broker.db.clone();
        changes.spawn(async move {
            let mut transaction = db.begin().await.expect("a turn");
            insert(&mut transaction, &format!("caller {number:03}")).await.expect("an insert");
            // Read and written in two statements: a turn is nobody else's until it ends.
            let count = "SELECT COUNT(*) FROM callers";
            let _: i64 = sqlx::query(count).fetch_one(&mut *transaction).await.expect("a count").get(0);
            transaction.commit().await.expect("a commit");
        });
        let db = world.broker.db.clone();
        changes.spawn(async move {
            sqlx::query("SELECT COUNT(*) FROM callers")
                .fetch_one(&db.pool)
                .await
                .expect("a reader waits for nobody");
        });
    }
    changes.join_all().await;
    assert_eq!(names(&world).await.len(), 300);
}

#[rstest]
#[tokio::test]
async fn a_change_that_is_given_up_leaves_nothing_and_takes_no_other_with_it(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let db = &world.broker.db;
    for (name, kept) in [("a", true), ("b", false), ("c", true)] {
        let mut transaction = db.begin().await.expect("a turn");
        insert(&mut transaction, name).await.expect("an insert");
        if kept {
            transaction.commit().await.expect("a commit");
        }
    }
    assert_eq!(names(&world).await, ["a", "c"]);
    // One that fails on its way is no different.
    let mut transaction = db.begin().await.expect("a turn");
    insert(&mut transaction, "d").await.expect("an insert");
    insert(&mut transaction, "a").await.expect_err("the name is taken");
    drop(transaction);
    assert_eq!(names(&world).await, ["a", "c"]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_hangs_up_in_the_middle_of_a_change_stops_nobody(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let mut tasks = Vec::new();
    for number in 0..60 {
        let db = world.broker.db.clone();
        tasks.push(tokio::spawn(async move {
            let mut transaction = db.begin().await?;
            insert(&mut transaction, &format!("caller {number:03}")).await?;
            transaction.commit().await
        }));
    }
    // Some before their turn, some in it, some after it.
    for task in tasks.iter().step_by(3) {
        tokio::task::yield_now().await;
        task.abort();
    }
    let mut told = Vec::new();
    for (number, task) in tasks.into_iter().enumerate() {
        if let Ok(outcome) = task.await {
            outcome.expect("a commit");
            told.push(format!("caller {number:03}"));
        }
    }
    let kept = names(&world).await;
    assert!(told.iter().all(|name| kept.contains(name)), "whoever was told has it: {kept:?}");
    let mut transaction = world.broker.db.begin().await.expect("a turn");
    insert(&mut transaction, "the next").await.expect("an insert");
    transaction.commit().await.expect("a commit");
}

#[rstest]
#[tokio::test]
async fn what_is_held_in_memory_is_let_go_of_after_the_commit_though_nobody_waits_for_it(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let forgotten = Arc::new(AtomicUsize::new(0));
    let mark = |transaction: &mut Transaction| {
        let forgotten = Arc::clone(&forgotten);
        transaction.after_commit(move || {
            forgotten.fetch_add(1, Ordering::SeqCst);
        });
    };
    let mut transaction = world.broker.db.begin().await.expect("a turn");
    insert(&mut transaction, "a").await.expect("an insert");
    mark(&mut transaction);
    transaction.commit().await.expect("a commit");
    assert_eq!(forgotten.load(Ordering::SeqCst), 1, "before the answer");
    let mut transaction = world.broker.db.begin().await.expect("a turn");
    mark(&mut transaction);
    drop(transaction);
    assert_eq!(forgotten.load(Ordering::SeqCst), 1, "nothing was changed");
}

#[tokio::test]
async fn on_sqlite_nothing_writes_past_the_one_writer() {
    let world = World::new(Sqlite).await;
    let past = sqlx::query(INSERT).bind("ca_x").bind("x").execute(&world.broker.db.pool).await;
    assert!(past.expect_err("a refusal").to_string().contains("readonly"));
}

#[tokio::test]
async fn a_full_disk_fails_the_changes_that_it_hits_and_no_later_one() {
    let world = World::new(Sqlite).await;
    let db = &world.broker.db;
    let mut transaction = db.begin().await.expect("a turn");
    insert(&mut transaction, "before").await.expect("an insert");
    transaction.commit().await.expect("a commit");
    let mut transaction = db.begin().await.expect("a turn");
    // Of the writer's connection: the file may not grow by a page.
    sqlx::raw_sql("PRAGMA max_page_count = 1").execute(&mut *transaction).await.expect("a limit");
    insert(&mut transaction, &"x".repeat(100_000)).await.expect_err("there is no room");
    // Whoever goes on all the same is not told that it was kept.
    let _ = insert(&mut transaction, "after").await;
    let committed = transaction.commit().await;
    assert!(committed.is_err() || names(&world).await.contains(&"after".to_owned()));
    let mut transaction = db.begin().await.expect("a turn");
    sqlx::raw_sql("PRAGMA max_page_count = 1000000").execute(&mut *transaction).await.expect("room");
    insert(&mut transaction, "later").await.expect("an insert");
    transaction.commit().await.expect("a commit");
    let names = names(&world).await;
    assert!(names.contains(&"before".to_owned()) && names.contains(&"later".to_owned()), "{names:?}");
    assert!(!names.iter().any(|name| name.len() > 1000));
}
