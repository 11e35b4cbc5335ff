//! Signing keys are followed by others while everybody goes on: by command, when it is time, or because one leaked. A verifier
//! that reads the key set as rarely as it may never meets a key that it does not know.

use std::collections::BTreeMap;

use attache::Broker;
use attache::content::algorithm::Algorithm;
use attache::content::signing_key::rotate::{self as signing_keys, Role, Standing};
use attache::content::signing_key::{ACCESS_TOKEN, KEY_SET_LIFETIME, LEAD};
use attache::error::Error;
use attache::replicas;
use attache::secret::Token;
use rstest::rstest;
use serde_json::json;

use crate::refresh::futures_join;
use crate::verifier::{ALGORITHMS, Verifier, content_token, environments, parts};
use crate::world::{Database, Plan, Postgres, Sqlite, World, until};

/// Seconds between two steps of the clock: what a server needs to hear of the others at the most.
const STEP: i64 = 60;
/// Of them until a key signs.
const STEPS: i64 = LEAD / STEP;
const DAY: i64 = 86_400;

async fn world_with(database: Database, more: &str) -> World {
    World::planned(database, Plan { more_config: environments() + more, ..Plan::default() }).await
}

async fn standing(broker: &Broker, algorithm: Algorithm) -> Vec<Standing> {
    let all = signing_keys::standing(broker).await.expect("an answer");
    all.into_iter().filter(|key| key.algorithm == algorithm).collect()
}

/// The key that signs by this algorithm.
fn signs(broker: &Broker, algorithm: Algorithm) -> String {
    let token = broker.signing_keys.sign(algorithm, ACCESS_TOKEN, &json!({})).expect("a token");
    parts(token.expose()).0["kid"].as_str().expect("a kid").to_owned()
}

/// Twenty rotations of all three lines, with tokens that live for a day, made at two servers on PostgreSQL. The verifier looks
/// at the key set when it must, and in no other case.
#[rstest]
#[tokio::test]
async fn a_verifier_with_the_longest_allowed_cache_fails_never_through_twenty_rotations(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let longest =
        environments().replace("accounts = \"any\"", "accounts = \"any\"\nlifetime_seconds = 86400");
    let world = World::planned(database, Plan { more_config: longest, ..Plan::default() }).await;
    let connection = world.connection().await;
    world.caller().await;
    let other = if database == Postgres { Some(world.replica().await) } else { None };
    let urls: Vec<&str> = std::iter::once(world.public_url.as_str())
        .chain(other.as_ref().map(|other| other.url.as_str()))
        .collect();
    let deciding = other.as_ref().map_or(&world.broker, |other| &other.broker);
    let (mut verifier, mut rotations, mut looked) = (Verifier::default(), 0, 0);
    // By the key: the last token that it signed.
    let mut last = BTreeMap::new();
    // By a key set that is as old as it may be.
    verifier.look(&world, urls[0]).await;
    for step in 0..=20 * STEPS {
        // As soon as the key before signs.
        if step % STEPS == 0 && rotations < 20 {
            let following = signing_keys::rotate(deciding, None, false).await.expect("keys that follow");
            assert_eq!(following.len(), 3);
            rotations += 1;
        }
        // What is kept would be handed out again.
        world.change(sqlx::query("DELETE FROM content_tokens")).await;
        let asked = urls.iter().flat_map(|url| ALGORITHMS.map(|(_, audience)| (*url, audience)));
        let asked = asked.map(|(url, audience)| content_token(&world, url, &connection, audience));
        for token in futures_join(asked).await {
            let verified = verifier.verify(&token, world.clock.now());
            assert!(verified.is_ok(), "a new one, after {rotations} rotations: {verified:?}");
            last.insert(parts(&token).0["kid"].to_string(), token);
        }
        world.clock.advance(STEP);
        if verifier.look(&world, urls[rotations % urls.len()]).await {
            looked += 1;
            for token in last.values() {
                let verified = verifier.verify(token, world.clock.now());
                assert!(verified.is_ok(), "one of before, after {rotations} rotations: {verified:?}");
            }
        }
        for broker in [&world.broker, deciding] {
            replicas::beat(broker).await.expect("a beat");
            signing_keys::sweep(broker).await.expect("a sweep");
        }
    }
    assert!(looked >= 20, "{looked}");
    assert_eq!(last.len(), 3 * 21, "each signed in its turn");
    // What the first ones signed is good to its last second.
    let ends = last.values().filter_map(|token| parts(token).1["exp"].as_i64());
    world.clock.advance(ends.min().expect("a token") - 1 - world.clock.now().unix());
    for broker in [&world.broker, deciding] {
        signing_keys::sweep(broker).await.expect("a sweep");
    }
    verifier.look(&world, urls[0]).await;
    for token in last.values() {
        assert!(verifier.verify(token, world.clock.now()).is_ok());
    }
}

#[rstest]
#[tokio::test]
async fn a_line_is_followed_by_itself_when_it_is_time_and_once_among_servers(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = world_with(database, "[signing_keys]\nrotate_after_days = 90\n").await;
    let other = world.process_broker().await;
    let due = async || {
        let (here, there) =
            tokio::join!(signing_keys::rotate_due(&world.broker), signing_keys::rotate_due(&other));
        here.expect("an end");
        there.expect("an end");
    };
    world.clock.advance(90 * DAY - 1);
    due().await;
    assert_eq!(world.rows("signing_keys").await, 3, "none is due");
    world.clock.advance(1);
    due().await;
    assert_eq!(world.rows("signing_keys").await, 6);
    due().await;
    world.clock.advance(LEAD);
    due().await;
    assert_eq!(world.rows("signing_keys").await, 6, "those that follow are new");
    for algorithm in Algorithm::ALL {
        let line = standing(&world.broker, algorithm).await;
        assert_eq!(signs(&world.broker, algorithm), line[0].kid);
        assert!(line.len() == 2 && matches!(line[1].role, Role::Followed(_)), "{line:?}");
    }
    // A year later: those that nothing needs are gone.
    world.clock.advance(90 * DAY);
    due().await;
    signing_keys::sweep(&world.broker).await.expect("a sweep");
    assert_eq!(world.rows("signing_keys").await, 6);
}

#[rstest]
#[tokio::test]
async fn the_housekeeping_sees_when_it_is_time(#[values(Sqlite, Postgres)] database: Database) {
    let world = world_with(database, "[signing_keys]\nrotate_after_days = 1\n").await;
    world.clock.advance(DAY);
    let housekeeping = tokio::spawn(attache::start::keep_house(world.broker.clone()));
    until("another key follows each", async || world.rows("signing_keys").await == 6).await;
    world.broker.draining.cancel();
    housekeeping.await.expect("an end");
}

#[rstest]
#[tokio::test]
async fn without_the_setting_no_key_follows_by_itself(#[values(Sqlite, Postgres)] database: Database) {
    let world = world_with(database, "").await;
    world.clock.advance(5000 * DAY);
    signing_keys::rotate_due(&world.broker).await.expect("an end");
    assert_eq!(world.rows("signing_keys").await, 3);
}

#[rstest]
#[tokio::test]
async fn of_servers_that_rotate_at_once_one_does(#[values(Sqlite, Postgres)] database: Database) {
    let world = world_with(database, "").await;
    let others = [world.process_broker().await, world.process_broker().await];
    for withdrawing in [false, true] {
        let rotate = |broker| signing_keys::rotate(broker, Some(Algorithm::Es256), withdrawing);
        let (a, b, c) = tokio::join!(rotate(&world.broker), rotate(&others[0]), rotate(&others[1]));
        let done = [a, b, c];
        assert!(done.iter().any(Result::is_ok));
        for refused in done.iter().filter_map(|one| one.as_ref().err()) {
            assert!(matches!(refused, Error::Conflict(_)), "{refused}");
        }
        let line = standing(&world.broker, Algorithm::Es256).await;
        assert_eq!(line.len(), if withdrawing { 1 } else { 2 }, "{line:?}");
        assert_eq!(standing(&world.broker, Algorithm::EdDsa).await.len(), 1, "another line is as it was");
    }
}

#[rstest]
#[tokio::test]
async fn one_line_is_withdrawn_and_the_others_are_as_they_were(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = world_with(database, "").await;
    let keys = &world.broker.signing_keys;
    let sign = |algorithm| keys.sign(algorithm, ACCESS_TOKEN, &json!({ "exp": i64::MAX })).expect("a token");
    let before = Algorithm::ALL.map(sign);
    signing_keys::rotate(&world.broker, Some(Algorithm::Rs256), false).await.expect("a key to come");
    signing_keys::rotate(&world.broker, Some(Algorithm::Rs256), true).await.expect("a key that signs");
    let good: Vec<bool> = before.iter().map(|token: &Token| keys.verify(token).is_some()).collect();
    assert_eq!(good, [true, true, false]);
    assert_eq!(
        standing(&world.broker, Algorithm::Rs256).await.len(),
        1,
        "the one to come may have leaked too"
    );
    assert!(keys.verify(&sign(Algorithm::Rs256)).is_some(), "at once");
    // And the clock may go backwards.
    world.clock.advance(-1000);
    assert!(Algorithm::ALL.map(sign).iter().all(|token| keys.verify(token).is_some()));
}

#[rstest]
#[tokio::test]
async fn an_algorithm_that_two_operators_ask_for_at_once_gets_its_first_key_once(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let other = world.process_broker().await;
    let (here, there) = tokio::join!(
        signing_keys::rotate(&world.broker, Some(Algorithm::Es256), false),
        signing_keys::rotate(&other, Some(Algorithm::Es256), false)
    );
    assert!(here.is_ok() != there.is_ok(), "{here:?} {there:?}");
    assert_eq!(world.rows("signing_keys").await, 2);
    for broker in [&world.broker, &other] {
        signing_keys::follow(broker).await.expect("a database");
        let refused = broker.signing_keys.sign(Algorithm::Es256, ACCESS_TOKEN, &json!({}));
        assert!(matches!(refused, Err(Error::KeyToCome { retry_after: LEAD, .. })), "{refused:?}");
        assert_eq!(
            broker.signing_keys.key_set()["keys"].as_array().map(Vec::len),
            Some(2),
            "it is published"
        );
    }
    world.clock.advance(LEAD);
    assert_eq!(signs(&world.broker, Algorithm::Es256), signs(&other, Algorithm::Es256));
    assert_eq!(LEAD, KEY_SET_LIFETIME + STEP);
}

#[tokio::test]
async fn an_rsa_key_is_as_long_as_the_configuration_says() {
    for (setting, bytes) in [("", 342), ("[signing_keys]\nrsa_bits = 3072\n", 512)] {
        let world = world_with(Sqlite, setting).await;
        let set = world.broker.signing_keys.key_set();
        let modulus = set["keys"].as_array().expect("keys").iter().find_map(|key| key["n"].as_str());
        assert_eq!(modulus.map(str::len), Some(bytes), "base64url of 256 or 384 bytes");
    }
}
