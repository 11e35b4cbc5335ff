//! Who waits for an issuer to say what a token is holds nobody up, and keeps nobody from a refresh.

use attache::sandbox::fault::Fault;
use futures_util::stream::{FuturesUnordered, StreamExt};
use rstest::rstest;

use crate::opaque_subjects::{OPT_IN, stage};
use crate::world::{Database, Postgres, Sqlite, World, refused, until};

const CONNECTION: &str = "urn:attache:params:oauth:token-type:connection";
/// Two calls at once, so that one question may be asked at one time.
const TWO_CALLS: (&str, &str) =
    ("profile = \"auth0\"\n", "profile = \"auth0\"\nintrospection = true\ncalls_at_once = 2\n");
const FOUR_PLACES: &str = "[limits]\nrequests_at_once = 4\n";

async fn is_served(world: &World, connection: &str) {
    let by_id = [("subject_token", connection), ("subject_token_type", CONNECTION)];
    assert_eq!(world.exchange(&by_id).await.status(), 200);
}

#[rstest]
#[tokio::test]
async fn more_questions_than_there_are_places_hang_and_others_are_served(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = stage(database, vec![OPT_IN], FOUR_PLACES).await;
    let connection = world.connection().await;
    let (id, key) = world.caller().await;
    world.issuer.faults().introspection.always(Fault::Hang);
    let (load, mut waiting) = (&world.broker.load, FuturesUnordered::new());
    for number in 0..6_usize {
        // The last ones bring a token that is asked about already.
        let token = format!("nonsense-number-{}", number.min(3));
        waiting.push(world.exchange_as(&id, &key, &[("subject_token", &token)]).send());
        tokio::select! {
            _ = waiting.next() => panic!("it did not hang"),
            () = until("it waits", async || load.waiting_now() > number && load.working_now() == 0) => {}
        }
    }
    assert_eq!(world.issuer.introspections(), 4, "one question for each token");
    is_served(&world, &connection).await;
    drop(waiting);
    until("all are gone", async || load.waiting_now() + load.working_now() == 0).await;
}

#[rstest]
#[tokio::test]
async fn a_question_that_hangs_keeps_nobody_from_a_refresh_and_the_next_one_is_told_to_come_back(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = stage(database, vec![TWO_CALLS], "").await;
    let connection = world.connection().await;
    let (id, key) = world.caller().await;
    world.issuer.faults().introspection.next(Fault::Hang);
    let mut hanging =
        Box::pin(world.exchange_as(&id, &key, &[("subject_token", "nonsense-number-1")]).send());
    tokio::select! {
        _ = &mut hanging => panic!("it did not hang"),
        () = until("it is asked", async || world.issuer.introspections() == 1) => {}
    }
    let next = world.exchange(&[("subject_token", "nonsense-number-2")]).await;
    assert_eq!(next.headers()["retry-after"], "1");
    refused(next, 503, "temporarily_unavailable").await;
    assert_eq!(world.issuer.introspections(), 1);
    let force = [("external_token_id", connection.as_str()), ("force_refresh", "true")];
    world.clock.advance(31);
    assert_eq!(world.slack("get", &force).await["ok"], true);
    assert_eq!(world.issuer.refreshes(), 1);
}
