//! Statements that change several rows lock them in one order, so that two of them never wait for each other.

use attache::ledger::hand_out::flush;
use attache::refresh::early::Line;
use serde_json::json;
use sqlx::Row;

use crate::many::{Copy, copy, grants};
use crate::world::{APP, Postgres, World, until};

async fn waiting_for_locks(world: &World) -> i64 {
    let select = "SELECT COUNT(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    sqlx::query(select).fetch_one(&world.broker.db.pool).await.expect("a count").get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn early_refreshes_are_claimed_while_last_uses_are_written_and_neither_is_a_deadlock() {
    let world = World::new(Postgres).await;
    let replica = world.replica().await;
    let ids = grants(&world, APP, 0..40).await;
    for id in &ids {
        assert_eq!(world.v1_token(id, &json!({})).await.status(), 200);
    }
    for (due_at, id) in (1..).zip(ids.iter().rev()) {
        let due: i64 = due_at;
        let update = sqlx::query("UPDATE connections SET refresh_due_at = $1 WHERE id = $2");
        world.change(update.bind(due).bind(id)).await;
    }
    // Among so many that the database goes by its indexes, which have orders of their own.
    let others: Vec<Copy> = (0..3000).map(|number| Copy::new(number, APP)).collect();
    copy(&world, &ids[0], &others).await;
    world.change(sqlx::query("ANALYZE connections")).await;
    // Somebody has one in the middle: both get as far as that one, each in its own order.
    let mut other = world.broker.db.begin().await.expect("a transaction");
    let update = sqlx::query("UPDATE connections SET updated_at = updated_at WHERE id = $1").bind(&ids[20]);
    update.execute(&mut *other).await.expect("a change");
    let counted = world.broker.clone();
    let used = tokio::spawn(async move { flush(&counted).await });
    let early = tokio::spawn(async move { Line::default().begin_due(&replica.broker).await });
    until("both wait", async || waiting_for_locks(&world).await == 2).await;
    other.commit().await.expect("a commit");
    used.await.expect("a task").expect("the last uses are written");
    assert!(early.await.expect("a task").expect("early refreshes are claimed") > 0);
}
