//! Several processes on one database, and one of them dies or is stopped in the middle of a refresh: where the issuer has
//! an overlap, another one takes the lease over while that lasts; nowhere is an answer thrown away that has arrived.

use std::sync::Arc;
use std::time::{Duration, Instant};

use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::Verdict;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::processes::{Process, serve};
use crate::world::{Plan, Postgres, World, until};

/// Seconds, long enough for a busy machine and shorter than a lease.
const LEEWAY: i64 = 30;
const LEASE: Duration = Duration::from_secs(38);

async fn world(leeway: i64) -> Arc<World> {
    let habits: &str =
        if leeway > 0 { "profile = \"auth0\"\nleeway_seconds = 30" } else { "profile = \"auth0\"" };
    let plan = Plan { replace: vec![("profile = \"auth0\"", habits)], ..Plan::default() };
    let world = World::planned(Postgres, plan).await;
    world.issuer.settings().leeway = leeway;
    Arc::new(world)
}

async fn run_out(world: &World, connection: &str) {
    let run_out = "UPDATE connections SET access_expires_at = 1, refreshed_at = NULL WHERE id = $1";
    world.change(sqlx::query(run_out).bind(connection)).await;
}

async fn ask(world: &World, url: &str, connection: &str) -> Option<Value> {
    let (_, key) = world.caller().await;
    let post = world.http.post(format!("{url}/v1/connections/{connection}/token")).bearer_auth(key);
    post.send().await.ok()?.json().await.ok()
}

/// Somebody asks a process for a connection that has run out, and its issuer is asked.
async fn in_the_middle(world: &Arc<World>, process: &Process, connection: &str) -> JoinHandle<Option<Value>> {
    run_out(world, connection).await;
    world.caller().await;
    let before = world.issuer.refreshes();
    let (asked, url, id) = (Arc::clone(world), process.url.clone(), connection.to_owned());
    let asking = tokio::spawn(async move { ask(&asked, &url, &id).await });
    until("the issuer is asked", async || world.issuer.refreshes() > before).await;
    asking
}

async fn is_given(world: &World, process: &Process, connection: &str) {
    let answer = ask(world, &process.url, connection).await.expect("an answer");
    assert!(answer["access_token"].is_string(), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_refresh_of_a_process_that_dies_is_taken_over_while_the_overlap_lasts() {
    let world = world(LEEWAY).await;
    let connection = world.connection().await;
    let [one, other] = [serve(&world).await, serve(&world).await];
    let from = world.issuer.shown(0).len();
    world.issuer.faults().token.next(Fault::HangAfterProcessing);
    let asking = in_the_middle(&world, &one, &connection).await;
    one.kill();
    let began = Instant::now();
    is_given(&world, &other, &connection).await;
    assert!(began.elapsed() < LEASE, "nobody waited for the lease of the dead");
    assert!(asking.await.expect("a task").is_none());
    let verdicts: Vec<Verdict> = world.issuer.shown(from).iter().map(|shown| shown.verdict).collect();
    assert_eq!(verdicts, [Verdict::Current, Verdict::Again]);
    assert_eq!(world.status(&connection).await, "active");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_waits_for_a_process_that_died_where_its_refresh_may_not_be_taken_over_yet() {
    let world = world(0).await;
    let connection = world.connection().await;
    let [one, other] = [serve(&world).await, serve(&world).await];
    world.issuer.faults().token.next(Fault::HangAfterProcessing);
    let asking = in_the_middle(&world, &one, &connection).await;
    one.kill();
    let answer = ask(&world, &other.url, &connection).await.expect("an answer");
    assert!(answer["retry_after"].is_i64(), "{answer}");
    assert_eq!(
        world.status(&connection).await,
        "refreshing",
        "the one that died may come back with its answer"
    );
    assert!(asking.await.expect("a task").is_none());
    until("the other names the cause", async || world.status(&connection).await == "needs_reconnect").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_refresh_of_a_process_that_is_stopped_is_taken_over_and_its_late_answer_harms_nothing() {
    let world = world(LEEWAY).await;
    let connection = world.connection().await;
    let [one, other] = [serve(&world).await, serve(&world).await];
    world.issuer.faults().token.next(Fault::DelayAfterProcessing(Duration::from_millis(700)));
    let asking = in_the_middle(&world, &one, &connection).await;
    one.stop();
    let began = Instant::now();
    is_given(&world, &other, &connection).await;
    assert!(began.elapsed() < LEASE, "nobody waited for the lease of the stopped");
    one.go_on();
    let late = asking.await.expect("a task").expect("an answer");
    assert!(late["access_token"].is_string(), "{late}");
    for process in [&one, &other] {
        run_out(&world, &connection).await;
        is_given(&world, process, &connection).await;
    }
    assert_eq!(world.status(&connection).await, "active");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_that_arrived_while_its_process_was_stopped_beyond_the_deadline_is_kept() {
    let world = world(0).await;
    let connection = world.connection().await;
    let process = serve(&world).await;
    world.issuer.faults().token.next(Fault::DelayAfterProcessing(Duration::from_millis(700)));
    let before = world.issuer.refreshes();
    let asking = in_the_middle(&world, &process, &connection).await;
    process.stop();
    // The deadline of this stage is 4 s, and a real process has no other clock.
    tokio::time::sleep(Duration::from_secs(5)).await;
    process.go_on();
    let answer = asking.await.expect("a task").expect("an answer");
    assert!(answer["access_token"].is_string(), "{answer}");
    assert_eq!((world.issuer.refreshes() - before, world.status(&connection).await.as_str()), (1, "active"));
    // What was stored is the issuer's present refresh token.
    run_out(&world, &connection).await;
    is_given(&world, &process, &connection).await;
}
