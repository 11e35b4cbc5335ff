//! A mass revoke by real processes that are killed in the middle of it. A large one is measured by hand; docs/operating.md
//! has the table:
//!
//! ```text
//! ATTACHE_TEST_REVOKES=10000 ATTACHE_TEST_POSTGRES=… cargo test --test promises -- --nocapture mass_revoke_killed
//! ```
#![expect(clippy::print_stdout, reason = "a measurement is read by whoever runs it")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::many::grants;
use crate::processes::serve;
use crate::world::{APP, Database, Postgres, Sqlite, World};

/// How many are revoked, how many a second, and how often a process is killed meanwhile.
fn size() -> (usize, &'static str, u64) {
    match std::env::var("ATTACHE_TEST_REVOKES").ok().and_then(|many| many.parse().ok()) {
        Some(many) => (many, "200", 10),
        None => (240, "20", 2),
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_ends_once_though_processes_are_killed_in_the_middle_of_it(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (many, a_second, kills) = size();
    let world = World::new(database).await;
    grants(&world, APP, 0..many).await;
    // The stage's clock is ahead of the processes'.
    world.change(sqlx::query("UPDATE connections SET consented_at = 1, access_expires_at = 2")).await;
    let replicas = if database == Sqlite { 1 } else { 3 };
    let mut processes = Vec::new();
    for _ in 0..replicas {
        processes.push(serve(&world).await);
    }
    let began = Instant::now();
    let typed = Command::new(env!("CARGO_BIN_EXE_attache"))
        .current_dir(world.directory())
        .args(["revoke", "--all", "--reason", "by hand", "--per-second", a_second, "--background"])
        .stdin(Stdio::null())
        .output()
        .expect("an end");
    assert!(typed.status.success(), "{}", String::from_utf8_lossy(&typed.stderr));
    let answered = began.elapsed();
    for round in 0..kills {
        tokio::time::sleep(Duration::from_millis(1500 + 331 * round)).await;
        let left = world.rows("connections WHERE status = 'active'").await;
        assert!(left > 0, "killed in the middle of it");
        processes.remove(0).kill();
        processes.push(serve(&world).await);
        println!("{database:?}: kill {} with {left} to go", round + 1);
    }
    let ended = loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if world.rows("revokes WHERE status = 'ended'").await == 1 {
            break began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_mins(15), "it does not end");
    };
    while world.rows("connections WHERE status <> 'revoked'").await > 0 {
        assert!(began.elapsed() < Duration::from_mins(20), "issuers are not told");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let (told, again) = (world.issuer.revocations(), world.issuer.revocations_again());
    println!(
        "{database:?}: answered in {answered:?}, ended here in {ended:?}, all confirmed in {:?}; {told} revocations reached \
         the issuer, {again} of them again; {} left alive",
        began.elapsed(),
        world.issuer.live_refresh_tokens()
    );
    assert_eq!(world.issuer.live_refresh_tokens(), 0, "none was missed");
    assert_eq!(u64::try_from(many).expect("a number") + again, told);
    let many = i64::try_from(many).expect("a number");
    assert_eq!(world.rows("ledger WHERE action = 'revoke_requested'").await, many, "once here");
    assert_eq!(world.rows("outbox").await, many, "once enqueued");
}
