//! Early refresh: whoever uses a connection does not wait for its issuer; what nobody uses, what is frozen and what
//! the issuer keeps anyway is left alone.

use std::time::Duration;

use attache::ledger::hand_out;
use attache::refresh::early::Line;
use attache::sandbox::fault::Fault;
use futures_util::FutureExt;
use rstest::rstest;
use serde_json::{Value, json};

use crate::many::grants;
use crate::world::{APP, Database, EDITOR, LIFETIME, Plan, Postgres, READER, Sqlite, World, open, settle};

/// By then every connection is due.
const FOUR_FIFTHS: i64 = LIFETIME * 4 / 5;

/// What the housekeeping does, and then all that it began.
pub async fn early(world: &World) -> usize {
    let begun = look(&mut Line::default(), world).await;
    world.settle().await;
    begun
}

pub async fn look(line: &mut Line, world: &World) -> usize {
    line.begin_due(&world.broker).await.expect("what is due")
}

/// A connection whose token was handed out, as the row knows by now.
pub async fn used(world: &World) -> String {
    let connection = world.connection().await;
    world.access_token(&connection).await;
    hand_out::flush(&world.broker).await.expect("a flush");
    connection
}

#[rstest]
#[tokio::test]
async fn what_is_used_is_refreshed_before_anybody_has_to_wait(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = used(&world).await;
    world.clock.advance(LIFETIME * 3 / 5 - 1);
    assert_eq!(early(&world).await, 0, "before three fifths nothing is due");
    world.clock.advance(FOUR_FIFTHS - LIFETIME * 3 / 5 + 1);
    assert_eq!((early(&world).await, world.issuer.refreshes()), (1, 1));
    assert_eq!(early(&world).await, 0, "once");
    // The first token has run out by now, and the issuer is away: nobody notices.
    world.issuer.faults().token.always(Fault::Hang);
    world.clock.advance(LIFETIME - FOUR_FIFTHS + 1);
    world.access_token(&connection).await;
    assert_eq!(world.status(&connection).await, "active");
}

#[rstest]
#[tokio::test]
async fn what_nobody_uses_is_left_alone_until_somebody_does(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.clock.advance(FOUR_FIFTHS);
    assert_eq!((early(&world).await, world.issuer.refreshes()), (0, 0));
    world.access_token(&connection).await;
    hand_out::flush(&world.broker).await.expect("a flush");
    assert_eq!((early(&world).await, world.issuer.refreshes()), (1, 1), "it is late already");
}

#[rstest]
#[tokio::test]
async fn what_its_issuer_would_end_for_want_of_use_is_kept_alive(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let replace = vec![("[issuers.sandbox]\n", "[issuers.sandbox]\nrefresh_idle_seconds = 86400\n")];
    let world = World::planned(database, Plan { replace, ..Plan::default() }).await;
    let connection = world.connection().await;
    world.clock.advance(FOUR_FIFTHS);
    assert_eq!(early(&world).await, 0, "it is not used, and not idle for long");
    world.clock.advance(86_400 * 4 / 5 - FOUR_FIFTHS - 1);
    assert_eq!(early(&world).await, 0);
    world.clock.advance(1);
    assert_eq!((early(&world).await, world.issuer.refreshes()), (1, 1));
    assert_eq!(world.status(&connection).await, "active");
    // And so on, from refresh to refresh.
    world.clock.advance(FOUR_FIFTHS);
    assert_eq!(early(&world).await, 0);
    world.clock.advance(86_400 * 4 / 5 - FOUR_FIFTHS);
    assert_eq!((early(&world).await, world.issuer.refreshes()), (1, 2));
}

#[rstest]
#[case::account("account", "SELECT account_id FROM connections WHERE id = $1")]
#[case::app("app", "SELECT app_id FROM connections WHERE id = $1")]
#[tokio::test]
async fn a_freeze_burns_no_refresh_token(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] scope: &str,
    #[case] target: &'static str,
) {
    let world = World::new(database).await;
    let connection = used(&world).await;
    world.freeze(scope, target, &connection).await;
    world.clock.advance(FOUR_FIFTHS);
    assert_eq!((early(&world).await, world.issuer.refreshes()), (0, 0));
}

#[rstest]
#[tokio::test]
async fn an_answer_that_was_lost_is_named_without_anybody_asking(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = used(&world).await;
    world.clock.advance(FOUR_FIFTHS);
    world.issuer.faults().token.next(Fault::DropAfterProcessing);
    assert_eq!(early(&world).await, 1);
    assert_eq!(world.status(&connection).await, "in_doubt");
    world.access_token(&connection).await;
    assert_eq!(early(&world).await, 0, "a strict issuer is not asked twice while the token lives");
    world.clock.advance(LIFETIME - FOUR_FIFTHS + 1);
    assert_eq!(early(&world).await, 1);
    let cause = world.column("SELECT cause FROM connections WHERE id = $1", &connection).await;
    assert_eq!(
        (world.status(&connection).await.as_str(), cause.as_deref()),
        ("needs_reconnect", Some("rotation_lost"))
    );
    assert_eq!(early(&world).await, 0);
}

#[rstest]
#[tokio::test]
async fn a_token_that_lives_for_seconds_is_refreshed_no_sooner_because_somebody_uses_it(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = used(&world).await;
    world.clock.advance(LIFETIME);
    world.issuer.settings().access_lifetime = 8;
    world.access_token(&connection).await;
    for _ in 0..29 {
        world.clock.advance(1);
        world.get(&connection).await;
        hand_out::flush(&world.broker).await.expect("a flush");
        assert_eq!((early(&world).await, world.issuer.refreshes()), (0, 1));
    }
    world.clock.advance(1);
    assert_eq!((early(&world).await, world.issuer.refreshes()), (1, 2));
}

#[rstest]
#[tokio::test]
async fn what_a_revoke_ended_is_never_due(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = used(&world).await;
    world.slack("delete", &[("external_token_id", &connection)]).await;
    world.clock.advance(LIFETIME);
    assert_eq!((early(&world).await, world.issuer.refreshes()), (0, 0));
}

#[tokio::test]
async fn two_processes_begin_what_is_due_once() {
    let world = World::new(Postgres).await;
    let connection = used(&world).await;
    let other = open(&world.config, &world.clock).await;
    world.clock.advance(FOUR_FIFTHS);
    let (mut mine, mut its) = (Line::default(), Line::default());
    let (one, two) = tokio::join!(mine.begin_due(&world.broker), its.begin_due(&other));
    assert_eq!(one.expect("one") + two.expect("two"), 1);
    world.settle().await;
    settle(&other).await;
    assert_eq!((world.issuer.refreshes(), world.status(&connection).await.as_str()), (1, "active"));
}

/// Of an issuer's two places one is for what nobody waits for yet.
fn two_places() -> Plan {
    let replace = vec![("[issuers.sandbox]\n", "[issuers.sandbox]\ncalls_at_once = 2\n")];
    Plan { replace, ..Plan::default() }
}

/// Two connections in use that are due.
async fn two_due(world: &World) {
    for person in [EDITOR, READER] {
        let connection = world.signed_in(person).await.connect_as(APP, person).await;
        world.access_token(&connection).await;
    }
    hand_out::flush(&world.broker).await.expect("a flush");
    world.clock.advance(FOUR_FIFTHS);
    take_time(world);
}

/// So that a place stays taken while somebody looks.
fn take_time(world: &World) {
    world.issuer.faults().token.always(Fault::Delay(Duration::from_secs(2)));
}

#[rstest]
#[tokio::test]
async fn no_more_is_begun_than_the_issuer_has_early_places(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::planned(database, two_places()).await;
    two_due(&world).await;
    let mut line = Line::default();
    assert_eq!((look(&mut line, &world).await, line.is_done()), (1, false));
    assert_eq!((look(&mut line, &world).await, line.is_done()), (0, false), "its place is taken");
    world.settle().await;
    world.broker.issuers.calls.freed().now_or_never().expect("word of the free place");
    assert_eq!((look(&mut line, &world).await, line.is_done()), (1, true));
    world.settle().await;
    assert_eq!((look(&mut line, &world).await, world.issuer.refreshes()), (0, 2));
}

#[rstest]
#[tokio::test]
async fn what_was_refreshed_while_it_waited_for_a_place_is_not_refreshed_again(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, two_places()).await;
    two_due(&world).await;
    let mut line = Line::default();
    assert_eq!(look(&mut line, &world).await, 1);
    world.settle().await;
    let waits = "SELECT id FROM connections WHERE refreshed_at IS NULL AND id <> $1";
    let waits = world.column(waits, "").await.expect("the other");
    let asked = world.v1_token(&waits, &json!({ "force_refresh": true })).await;
    assert_eq!((asked.status().as_u16(), world.issuer.refreshes()), (200, 2));
    assert_eq!((look(&mut line, &world).await, world.issuer.refreshes()), (0, 2));
    assert!(line.is_done());
}

#[rstest]
#[tokio::test]
async fn what_waits_for_a_place_while_its_app_is_taken_out_of_use_is_not_refreshed(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, two_places()).await;
    two_due(&world).await;
    let mut line = Line::default();
    assert_eq!(look(&mut line, &world).await, 1);
    world.settle().await;
    world.change(sqlx::query("UPDATE apps SET status = 'suspended'")).await;
    assert_eq!((look(&mut line, &world).await, world.issuer.refreshes()), (0, 1));
}

#[rstest]
#[tokio::test]
async fn who_finds_no_place_free_looks_again_when_one_is_and_not_later(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, two_places()).await;
    // One more than is claimed at once.
    grants(&world, APP, 0..9).await;
    world.change(sqlx::query("UPDATE connections SET refresh_due_at = 1, last_used_at = connected_at")).await;
    take_time(&world);
    let (mut first, mut second) = (Line::default(), Line::default());
    assert_eq!((look(&mut first, &world).await, first.is_done()), (1, false));
    assert_eq!((look(&mut second, &world).await, second.is_done()), (0, false));
    world.settle().await;
    assert_eq!((look(&mut second, &world).await, second.is_done()), (1, true));
    world.settle().await;
    assert_eq!(world.issuer.refreshes(), 2);
}

#[rstest]
#[tokio::test]
async fn what_nobody_uses_delays_nobody_who_waits_behind_it(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::planned(database, two_places()).await;
    // More than is claimed at once.
    grants(&world, APP, 0..20).await;
    world.change(sqlx::query("UPDATE connections SET refresh_due_at = 1")).await;
    let connection = used(&world).await;
    world.clock.advance(FOUR_FIFTHS);
    assert_eq!((early(&world).await, world.issuer.refreshes()), (1, 1));
    assert_eq!(world.status(&connection).await, "active");
}

/// Asks until the issuer has failed five times in a row. It goes on failing.
async fn let_it_fail(world: &World, connection: &str) {
    world.issuer.faults().token.always(Fault::status(503));
    for round in 0..5 {
        if round > 0 {
            // Beyond whatever this connection waits for.
            world.clock.advance(301);
        }
        assert_eq!(world.get(connection).await["error"], "access_token_exchange_failed");
    }
}

#[rstest]
#[tokio::test]
async fn an_issuer_that_failed_five_times_in_a_row_is_left_alone_and_then_asked_by_one(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let (one, other) =
        (world.connection().await, world.signed_in(READER).await.connect_as(APP, READER).await);
    world.clock.advance(LIFETIME);
    let_it_fail(&world, &one).await;
    // It is well again, which nobody knows yet.
    world.issuer.faults().token.clear();
    let asked = world.issuer.refreshes();
    let refused = world.get(&other).await;
    assert_eq!(
        (refused["error"].as_str(), &refused["retry_after"]),
        (Some("access_token_exchange_failed"), &json!(2))
    );
    assert_eq!(
        (world.issuer.refreshes(), world.status(&other).await.as_str()),
        (asked, "active"),
        "nothing was sent"
    );
    let ready = world.http.get(format!("{}/readyz", world.machine_room)).send().await.expect("an answer");
    let ready: Value = ready.json().await.expect("JSON");
    let said = ready["issuers"]["sandbox"].as_str().expect("a sentence");
    assert!(said.contains("left alone for 2 s"), "{ready}");
    world.clock.advance(2);
    world.access_token(&other).await;
    world.clock.advance(301);
    world.access_token(&one).await;
    assert_eq!(world.issuer.refreshes(), asked + 2);
}

#[rstest]
#[tokio::test]
async fn an_issuer_that_is_left_alone_takes_no_live_token_from_anybody(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let dead = world.signed_in(READER).await.connect_as(APP, READER).await;
    world.clock.advance(LIFETIME + 1);
    let token = world.access_token(&connection).await;
    let_it_fail(&world, &dead).await;
    let forced = [("external_token_id", connection.as_str()), ("force_refresh", "true")];
    assert_eq!(world.slack("get", &forced).await["external_token"], token.as_str());
    assert_eq!(world.status(&connection).await, "active", "force_refresh leaves it as it was");
}

#[rstest]
#[case::own_word("[issuers.sandbox]\ndead_words = [\"token_revoked\"]\n", "needs_reconnect")]
#[case::unknown_word("[issuers.sandbox]\n", "backoff")]
#[tokio::test]
async fn only_a_word_that_the_operator_named_ends_a_grant_beside_the_standards(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] section: &'static str,
    #[case] status: &str,
) {
    let replace = vec![("[issuers.sandbox]\n", section)];
    let world = World::planned(database, Plan { replace, ..Plan::default() }).await;
    let connection = world.connection().await;
    world.clock.advance(LIFETIME);
    world.issuer.faults().token.always(Fault::oauth(400, "token_revoked"));
    world.get(&connection).await;
    assert_eq!(world.status(&connection).await, status);
}

#[rstest]
#[case::too_old("refresh_life_seconds = 1000000\nrefresh_idle_seconds = 0\n")]
#[case::unused("refresh_life_seconds = 0\nrefresh_idle_seconds = 1000000\n")]
#[tokio::test]
async fn a_grant_that_ran_out_by_its_issuers_habits_is_said_to_have_run_out(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] habits: &str,
) {
    let section: &'static str = Box::leak(format!("[issuers.sandbox]\n{habits}").into_boxed_str());
    let replace = vec![("[issuers.sandbox]\n", section)];
    let issuer: fn(&mut attache::sandbox::issuer::Settings) =
        |settings| settings.refresh_lifetime = 1_000_000;
    let world = World::planned(database, Plan { replace, issuer: Some(issuer), ..Plan::default() }).await;
    let connection = world.connection().await;
    world.clock.advance(1_000_000);
    let refused = world.get(&connection).await;
    assert_eq!(refused["state"], "reconnect_required", "{refused}");
    let cause = world.column("SELECT cause FROM connections WHERE id = $1", &connection).await;
    assert_eq!(cause.as_deref(), Some("expired"));
}
