//! An answer that was lost is asked for while an overlap heals it, whatever else its issuer is going through.

use attache::app;
use attache::issuer::IssuerFault;
use attache::issuer::calls::Urgency;
use attache::ledger::hand_out;
use attache::refresh::early::{Line, doubts};
use attache::sandbox::fault::Fault;
use rstest::rstest;

use crate::early::{early, look, used};
use crate::world::{APP, Database, LIFETIME, Plan, Postgres, READER, Sqlite, World};

#[rstest]
#[tokio::test]
async fn what_may_be_spent_is_asked_for_while_the_overlap_lasts_though_its_issuer_is_left_alone(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let replace = vec![("profile = \"auth0\"", "profile = \"auth0\"\nleeway_seconds = 10")];
    let world = World::planned(database, Plan { replace, ..Plan::default() }).await;
    world.issuer.settings().leeway = 10;
    let (doubted, other) = (used(&world).await, world.signed_in(READER).await.connect_as(APP, READER).await);
    world.access_token(&other).await;
    hand_out::flush(&world.broker).await.expect("a flush");
    world.clock.advance(LIFETIME);
    for _ in 0..3 {
        world.issuer.faults().token.next(Fault::DropAfterProcessing);
    }
    world.get(&doubted).await;
    assert_eq!(world.status(&doubted).await, "in_doubt");
    let issuer = app::issuers(&world.broker).await.expect("issuers").remove(0);
    for _ in 0..5 {
        let Ok(mut call) = world.broker.issuers.calls.enter(&issuer, Urgency::Usual).await else { break };
        call.report(&Err::<(), _>(IssuerFault::Unavailable("it is busy".to_owned(), Some(30))));
    }
    world.clock.advance(3);
    assert_eq!(world.get(&other).await["error"], "access_token_exchange_failed", "the issuer is left alone");
    assert_eq!(early(&world).await, 1, "what can wait does");
    assert_eq!((world.status(&doubted).await.as_str(), world.issuer.refreshes()), ("active", 4));
}

#[rstest]
#[tokio::test]
async fn an_answer_that_hangs_leaves_time_to_ask_once_more_before_a_short_overlap_is_over(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let replace = vec![("profile = \"auth0\"", "profile = \"auth0\"\nleeway_seconds = 2")];
    let world = World::planned(database, Plan { replace, ..Plan::default() }).await;
    world.issuer.settings().leeway = 2;
    let connection = used(&world).await;
    world.clock.advance(LIFETIME);
    for fault in [Fault::DropAfterProcessing, Fault::HangAfterProcessing] {
        world.issuer.faults().token.next(fault);
    }
    world.access_token(&connection).await;
    assert_eq!((world.status(&connection).await.as_str(), world.issuer.refreshes()), ("active", 3));
}

/// What a wrong clock said is not waited for: the overlap goes by the issuer's.
#[rstest]
#[tokio::test]
async fn a_clock_that_goes_back_delays_nothing_that_is_in_doubt(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(true, false)] starts_anew: bool,
) {
    let replace = vec![("profile = \"auth0\"", "profile = \"auth0\"\nleeway_seconds = 30")];
    let world = World::planned(database, Plan { replace, ..Plan::default() }).await;
    world.issuer.settings().leeway = 30;
    let doubted = used(&world).await;
    world.clock.advance(LIFETIME);
    for _ in 0..3 {
        world.issuer.faults().token.next(Fault::DropAfterProcessing);
    }
    let mut line = Line::default();
    look(&mut line, &world).await;
    world.settle().await;
    assert_eq!(world.status(&doubted).await, "in_doubt");
    world.clock.advance(-20);
    if starts_anew {
        line = Line::default();
        doubts::look_now(&world.broker).await.expect("what is in doubt");
    }
    assert_eq!(look(&mut line, &world).await, 1);
    world.settle().await;
    assert_eq!(world.status(&doubted).await, "active");
}

/// What went wrong before the answer was lost has nothing to do with how long the overlap lasts.
#[rstest]
#[tokio::test]
async fn a_lost_answer_is_asked_for_until_the_overlap_ends_however_often_a_refresh_had_failed(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let replace = vec![("profile = \"auth0\"", "profile = \"auth0\"\nleeway_seconds = 30")];
    let world = World::planned(database, Plan { replace, ..Plan::default() }).await;
    world.issuer.settings().leeway = 30;
    let doubted = used(&world).await;
    world.clock.advance(LIFETIME);
    let mut line = Line::default();
    for _ in 0..4 {
        world.issuer.faults().token.next(Fault::status(503));
        assert_eq!(look(&mut line, &world).await, 1);
        world.settle().await;
        world.clock.advance(30);
    }
    world.issuer.faults().token.always(Fault::DropAfterProcessing);
    for _ in 0..28 {
        look(&mut line, &world).await;
        world.settle().await;
        world.clock.advance(1);
    }
    assert_eq!(world.status(&doubted).await, "in_doubt");
    world.issuer.faults().token.clear();
    assert_eq!(look(&mut line, &world).await, 1, "before its last second is over");
    world.settle().await;
    assert_eq!(world.status(&doubted).await, "active");
}
