//! The keys in the database are replaced while everything goes on: those that sign, and the house's.

use attache::Broker;
use attache::content::rules::LONGEST_LIFE;
use attache::content::signing_key::KEY_SET_LIFETIME;
use attache::content::signing_key::rotate as signing_keys;
use attache::db::sql;
use attache::operator::vault::Looked;
use attache::operator::{Command, run};
use attache::replicas::{self, lives::HEARD};
use attache::vault::house;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rstest::rstest;
use serde_json::Value;

use crate::world::{APP, Database, EDITOR, LIFETIME, Postgres, Sqlite, World};

async fn ask(broker: &Broker, command: Command) -> Vec<String> {
    run(broker, command).await.expect("an answer").lines
}

fn rotate(withdraw: bool) -> Command {
    Command::RotateSigning { algorithm: None, withdraw }
}

/// The ids of the keys that a server publishes.
async fn published(world: &World, url: &str) -> Vec<String> {
    let answer = world.http.get(format!("{url}/.well-known/jwks.json")).send().await.expect("an answer");
    let set: Value = answer.json().await.expect("JSON");
    let keys = set["keys"].as_array().expect("keys");
    keys.iter().map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

/// Which key signs a content token now.
async fn signs(world: &World, connection: &str) -> String {
    let token = world.access_token(connection).await;
    let answer = world.exchange(&[("subject_token", &token)]).await;
    let body: Value = answer.json().await.expect("JSON");
    let header = body["access_token"].as_str().expect("a token").split('.').next().expect("a header");
    let header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).expect("base64url")).expect("JSON");
    header["kid"].as_str().expect("a kid").to_owned()
}

/// Everything that is sealed opens.
async fn all_opens(broker: &Broker) {
    let mut looked = Looked::default();
    loop {
        let answer = run(broker, Command::LookIntoVault { looked }).await.expect("an answer");
        assert_eq!(answer.troubles, 0, "{:?}", answer.lines);
        let Some(next) = answer.next else { return };
        looked = serde_json::from_str(&next).expect("a step");
    }
}

async fn house_keys(world: &World) -> Vec<String> {
    house::standing(&world.broker).await.expect("a database").into_iter().map(|key| key.kid).collect()
}

#[rstest]
#[tokio::test]
async fn a_signing_key_is_published_before_it_signs_and_the_old_one_while_what_it_signed_is_good(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let old = signs(&world, &connection).await;
    let url = world.public_url.clone();
    assert_eq!(published(&world, &url).await, std::slice::from_ref(&old));
    let said = ask(&world.broker, rotate(false)).await;
    let both = published(&world, &url).await;
    assert!(both.len() == 2 && both[1] == old && said[0].starts_with(&both[0]), "{both:?} {said:?}");
    assert!(run(&world.broker, rotate(false)).await.is_err(), "one at a time");
    world.clock.advance(KEY_SET_LIFETIME);
    assert_eq!(signs(&world, &connection).await, old, "somebody may keep the key set of before");
    world.clock.advance(HEARD + KEY_SET_LIFETIME);
    assert_eq!(signs(&world, &connection).await, both[0]);
    signing_keys::sweep(&world.broker).await.expect("a sweep");
    assert_eq!(published(&world, &url).await, both);
    world.clock.advance(LONGEST_LIFE + KEY_SET_LIFETIME);
    assert_eq!(published(&world, &url).await, both[..1]);
    signing_keys::sweep(&world.broker).await.expect("a sweep");
    assert_eq!(world.rows("signing_keys").await, 1);
    assert_eq!(signs(&world, &connection).await, both[0]);
    all_opens(&world.broker).await;
}

#[rstest]
#[tokio::test]
async fn a_signing_key_that_leaked_is_withdrawn_at_once(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let old = signs(&world, &connection).await;
    ask(&world.broker, rotate(false)).await;
    ask(&world.broker, rotate(true)).await;
    let now = published(&world, &world.public_url).await;
    assert!(now.len() == 1 && now[0] != old, "{now:?}");
    // What was made before and is kept is not handed out again.
    assert_eq!(signs(&world, &connection).await, now[0]);
}

#[tokio::test]
async fn servers_hear_of_each_others_keys_before_they_are_used() {
    let world = World::new(Postgres).await;
    let connection = world.connection().await;
    let other = world.replica().await;
    ask(&other.broker, rotate(false)).await;
    ask(&other.broker, Command::RotateHouse).await;
    let there = published(&world, &other.url).await;
    assert_eq!(there.len(), 2);
    replicas::beat(&world.broker).await.expect("a beat");
    assert_eq!(published(&world, &world.public_url).await, there);
    // Nothing is sealed by the new house key while somebody may not know it.
    let keys = house_keys(&world).await;
    assert_eq!(keys.len(), 2);
    assert_eq!(
        (world.broker.house_key.kid(), other.broker.house_key.kid()),
        (keys[1].clone(), keys[1].clone())
    );
    world.clock.advance(HEARD + KEY_SET_LIFETIME + 300);
    assert_eq!(
        (world.broker.house_key.kid(), other.broker.house_key.kid()),
        (keys[0].clone(), keys[0].clone())
    );
    assert_eq!(signs(&world, &connection).await, there[0]);
    // A consent that one began is ended by the other.
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    let there = callback.as_str().replace(&world.public_url, &other.url);
    assert_eq!(person.get(&there).await.status, 303);
}

#[rstest]
#[tokio::test]
async fn the_house_has_another_key_and_nobody_notices(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    let before = house_keys(&world).await;
    let said = ask(&world.broker, Command::RotateHouse).await;
    world.clock.advance(HEARD);
    let both = house_keys(&world).await;
    assert!(both.len() == 2 && both[1] == before[0] && said[0].starts_with(&both[0]), "{both:?} {said:?}");
    assert_eq!(world.broker.house_key.kid(), both[0]);
    // A session, a consent that was under way and the signing key are of before.
    assert_eq!(person.get("/account/connected-apps").await.status, 200);
    assert_eq!(person.get(callback.as_str()).await.status, 303);
    all_opens(&world.broker).await;
    house::retire::sweep(&world.broker).await.expect("a sweep");
    assert_eq!(house_keys(&world).await.len(), 2, "it is needed");
    // What it sealed is over, and what has no end is sealed anew.
    world.clock.advance(attache::session::LIFETIME + HEARD);
    attache::session::sweep(&world.broker.db, world.broker.clock.now()).await.expect("a sweep");
    attache::consent::attempt::sweep(&world.broker).await.expect("a sweep");
    attache::account::sweep(&world.broker).await.expect("a sweep");
    house::retire::sweep(&world.broker).await.expect("a sweep");
    assert_eq!(house_keys(&world).await, both[..1]);
    all_opens(&world.broker).await;
    signs(&world, &connection).await;
    let again = world.process_broker().await;
    all_opens(&again).await;
}

#[rstest]
#[tokio::test]
async fn a_house_key_that_something_needs_is_not_destroyed(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    ask(&world.broker, Command::RotateHouse).await;
    world.clock.advance(2 * HEARD + attache::session::LIFETIME);
    world.change(sqlx::query("UPDATE sessions SET expires_at = 9000000000")).await;
    house::retire::sweep(&world.broker).await.expect("a sweep");
    assert_eq!(house_keys(&world).await.len(), 2);
    assert_eq!(person.get("/account/connected-apps").await.status, 200);
}

#[rstest]
#[tokio::test]
async fn a_house_key_that_has_sealed_enough_is_followed_by_itself(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let uses = "SELECT CAST(uses AS TEXT) FROM vault_keys WHERE kid = $1";
    let first = world.broker.house_key.kid();
    world.signed_in(EDITOR).await;
    house::count(&world.broker).await.expect("a count");
    let counted: i64 = world.column(uses, &first).await.expect("a number").parse().expect("a number");
    assert!((1..1 << 20).contains(&counted), "reserved before they are made: {counted}");
    house::count(&world.broker).await.expect("a count");
    assert_eq!(world.column(uses, &first).await.expect("a number"), counted.to_string(), "a block at a time");
    assert_eq!(house_keys(&world).await, std::slice::from_ref(&first));
    world.change(sqlx::query("UPDATE vault_keys SET uses = 536870911 WHERE purpose = 'house'")).await;
    house::count(&world.broker).await.expect("a count");
    assert_eq!(house_keys(&world).await.len(), 1);
    world.change(sqlx::query("UPDATE vault_keys SET uses = 536870912 WHERE purpose = 'house'")).await;
    house::count(&world.broker).await.expect("a count");
    house::count(&world.broker).await.expect("a count");
    assert_eq!(house_keys(&world).await.len(), 2, "one follows");
    world.clock.advance(LIFETIME);
    assert_ne!(world.broker.house_key.kid(), first);
    world.signed_in(EDITOR).await;
}

#[rstest]
#[tokio::test]
async fn the_operator_sees_how_the_keys_stand(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    ask(&world.broker, rotate(false)).await;
    world.clock.advance(HEARD + KEY_SET_LIFETIME);
    let status = ask(&world.broker, Command::VaultStatus).await.join("\n");
    for said in ["house key dk_", "seals from now on", "(EdDSA): signs", "is published for what it signed"] {
        assert!(status.contains(said), "{said}: {status}");
    }
}

#[tokio::test]
async fn tokens_for_environments_that_changed_are_not_kept_in_memory() {
    let world = World::new(Sqlite).await;
    let connection = world.connection().await;
    let subject = world.access_token(&connection).await;
    let exchange = async || {
        let answer = world.exchange(&[("subject_token", &subject)]).await;
        let body: Value = answer.json().await.expect("JSON");
        body["access_token"].as_str().expect("a token").to_owned()
    };
    let kept = exchange().await;
    assert_eq!(exchange().await, kept);
    sql("DELETE FROM content_tokens").execute(&world.broker.db).await.expect("a change");
    attache::content::sync::sync(&world.broker).await.expect("a change");
    assert_ne!(exchange().await, kept);
}
