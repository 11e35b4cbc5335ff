//! The master key is rotated while everything goes on: every row opens at every moment, whoever is killed on the way;
//! at the end the old key is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use attache::Broker;
use attache::config::Config;
use attache::operator::{Command, run};
use attache::replicas;
use attache::start::{StartError, start};
use attache::vault::rotate::{Progress, Step, step};
use attache::vault::{self, Purpose, VaultError};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{APP, Database, MASTER_KEY, Postgres, READER, Replica, Sqlite, World, open};

pub const NEW_KEY: &str = "YW5vdGhlciBtYXN0ZXIga2V5IG9mIDMyIGJ5dGVzISE=";

/// The configuration with this master key, and perhaps one before it.
pub fn keyed(world: &World, master: &str, previous: Option<&str>) -> String {
    let previous = previous.map(|key| format!("\nprevious_master_key = \"{key}\"")).unwrap_or_default();
    let usual = format!("master_key = \"{MASTER_KEY}\"");
    assert!(world.config.contains(&usual));
    world.config.replace(&usual, &format!("master_key = \"{master}\"{previous}"))
}

fn both(world: &World) -> String {
    keyed(world, NEW_KEY, Some(MASTER_KEY))
}

/// A server that was given both keys, and no other.
async fn with_both(world: &World) -> Replica {
    replicas::leave(&world.broker).await.expect("a farewell");
    world.process(&both(world)).await
}

/// Data keys that seal nothing, so that a rotation takes its time.
pub async fn add_data_keys(broker: &Broker, count: usize) {
    let mut transaction = broker.db.begin().await.expect("a transaction");
    for _ in 0..count {
        let (_, wrapped) = broker.vault.new_data_key().expect("a data key");
        vault::insert(&mut transaction, &wrapped, Purpose::App, broker.clock.now()).await.expect("an insert");
    }
    transaction.commit().await.expect("a commit");
}

async fn wrapped_by(world: &World, kid: &str) -> i64 {
    let count = "SELECT CAST(COUNT(*) AS TEXT) FROM vault_keys WHERE master_kid = $1";
    world.column(count, kid).await.expect("a count").parse().expect("a number")
}

/// Until the old key is out of use; every answer of a step.
async fn rotate(broker: &Broker) -> Vec<Step> {
    let (mut progress, mut steps) = (Progress::default(), Vec::new());
    loop {
        let next = step(broker, progress).await.expect("a step");
        progress = match &next {
            Step::Further { progress, .. } | Step::Waiting { progress, .. } => progress.clone(),
            Step::Retired { .. } | Step::Nothing { .. } => {
                steps.push(next);
                return steps;
            }
        };
        steps.push(next);
    }
}

async fn get(world: &World, url: &str, connection: &str) -> Value {
    let (_, key) = world.caller().await;
    let form = [("external_token_id", connection)];
    let post = world.http.post(format!("{url}/api/apps.auth.external.get")).bearer_auth(key).form(&form);
    post.send().await.expect("an answer").json().await.expect("JSON")
}

async fn opens_everything(broker: &Broker) {
    let mut command = Command::LookIntoVault { looked: attache::operator::vault::Looked::default() };
    loop {
        let answer = run(broker, command).await.expect("a look");
        assert_eq!(answer.troubles, 0, "{:?}", answer.lines);
        let Some(next) = answer.next else { return };
        command = Command::LookIntoVault { looked: serde_json::from_str(&next).expect("a cursor") };
    }
}

async fn try_start(world: &World, config: &str) -> Result<(), StartError> {
    start(Config::parse(config, []).expect("a good configuration"), world.clock.clone()).await.map(drop)
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_master_key_is_rotated_while_callers_ask_and_every_row_opens_at_every_moment(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = Arc::new(World::new(database).await);
    let connections = [world.connection().await, world.signed_in(READER).await.connect_as(APP, READER).await];
    world.caller().await;
    add_data_keys(&world.broker, 1_500).await;
    let server = with_both(&world).await;
    let (old, new) =
        (world.broker.vault.master_kid().to_owned(), server.broker.vault.master_kid().to_owned());
    // Held in memory in the old wrapping, where anything is held.
    assert_eq!(get(&world, &server.url, &connections[0]).await["ok"], true);
    let over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|number| {
            let (world, url, over) = (Arc::clone(&world), server.url.clone(), Arc::clone(&over));
            let connection = connections[number % 2].clone();
            tokio::spawn(async move {
                let mut asked = 0;
                while !over.load(Ordering::SeqCst) || asked == 0 {
                    let answer = get(&world, &url, &connection).await;
                    assert_eq!(answer["ok"], true, "{answer}");
                    asked += 1;
                }
                asked
            })
        })
        .collect();
    let steps = rotate(&server.broker).await;
    over.store(true, Ordering::SeqCst);
    for caller in callers {
        assert!(caller.await.expect("a caller") > 0);
    }
    let Some(Step::Retired { from, to, progress, .. }) = steps.last() else { panic!("{steps:?}") };
    assert_eq!((from, to, progress.damaged), (&old, &new, 0));
    assert!(progress.rewrapped >= 1_500, "{progress:?}");
    assert_eq!((wrapped_by(&world, &old).await, steps.len() > 2), (0, true));
    opens_everything(&server.broker).await;
    // What was held in memory, too, and what is refreshed from now on.
    for connection in &connections {
        assert_eq!(get(&world, &server.url, connection).await["ok"], true);
        world.clock.advance(crate::world::LIFETIME);
        assert_eq!(get(&world, &server.url, connection).await["ok"], true);
    }
    assert!(matches!(rotate(&server.broker).await.as_slice(), [Step::Nothing { kid }] if *kid == new));
}

/// Where a process that ends leaves nothing open behind; on PostgreSQL real processes are killed, see
/// `rotation_processes.rs`.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_that_is_cut_off_anywhere_goes_on_where_it_was() {
    let world = World::new(Sqlite).await;
    let connection = world.connection().await;
    world.caller().await;
    add_data_keys(&world.broker, 600).await;
    replicas::leave(&world.broker).await.expect("a farewell");
    let config = both(&world);
    let old = world.broker.vault.master_kid().to_owned();
    let mut broker = open(&config, &world.clock).await;
    let mut progress = Progress::default();
    for kill in 0..100_u64 {
        // It ends at whatever it was waiting for.
        let patience = Duration::from_micros(150 * kill);
        let cut = tokio::time::timeout(patience, step(&broker, progress.clone())).await;
        progress = match cut {
            Ok(Ok(Step::Further { progress, .. })) if kill % 2 == 0 => progress,
            _ => Progress::default(),
        };
        if kill % 20 == 19 {
            // The next process knows nothing of how far the one before had come.
            replicas::leave(&broker).await.expect("a farewell");
            broker = open(&config, &world.clock).await;
            opens_everything(&broker).await;
        }
    }
    replicas::leave(&broker).await.expect("a farewell");
    let server = world.process(&config).await;
    rotate(&server.broker).await;
    assert_eq!(wrapped_by(&world, &old).await, 0);
    opens_everything(&server.broker).await;
    assert_eq!(get(&world, &server.url, &connection).await["ok"], true);
}

#[rstest]
#[tokio::test]
async fn at_zero_the_old_key_is_refused_and_said_to_be_removable(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    world.connection().await;
    let server = with_both(&world).await;
    let (old, new) =
        (world.broker.vault.master_kid().to_owned(), server.broker.vault.master_kid().to_owned());
    let status = run(&server.broker, Command::VaultStatus).await.expect("a status").lines.join("\n");
    assert!(status.contains(&format!("The vault is not under {new}")), "{status}");
    // Without the old one nothing starts yet, and nothing is changed.
    let early = try_start(&world, &keyed(&world, NEW_KEY, None)).await.expect_err("a refusal");
    assert!(matches!(early, StartError::Vault(VaultError::WrongMasterKey)), "{early:?}");
    step(&server.broker, Progress::default()).await.expect("a step");
    add_late(&world, &server.broker).await;
    let midway = try_start(&world, &keyed(&world, NEW_KEY, None)).await.expect_err("a refusal");
    assert!(matches!(&midway, StartError::Vault(VaultError::StillNeeded(kid)) if *kid == old), "{midway:?}");
    let alone = try_start(&world, &world.config).await.expect_err("a refusal");
    assert!(alone.to_string().contains(&format!("the vault was rotated to {new}")), "{alone}");
    rotate(&server.broker).await;
    for config in [world.config.clone(), keyed(&world, MASTER_KEY, Some(NEW_KEY))] {
        let refused = try_start(&world, &config).await.expect_err("a refusal");
        assert!(matches!(refused, StartError::Vault(VaultError::Rotated { .. })), "{refused:?}");
        let said = refused.to_string();
        assert!(said.contains(&format!("the vault was rotated to {new}")), "{said}");
    }
    let status = run(&server.broker, Command::VaultStatus).await.expect("a status").lines.join("\n");
    assert!(
        status.contains(&format!("{old} (vault.previous_master_key) wraps nothing: remove it")),
        "{status}"
    );
    opens_everything(&open(&keyed(&world, NEW_KEY, None), &world.clock).await).await;
}

#[rstest]
#[tokio::test]
async fn what_was_added_in_the_moment_of_the_end_is_wrapped_anew_by_another_run(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let server = with_both(&world).await;
    let old = world.broker.vault.master_kid().to_owned();
    rotate(&server.broker).await;
    assert_eq!(wrapped_by(&world, &old).await, 0);
    let (_, late) = world.broker.vault.new_data_key().expect("a data key");
    let put = "INSERT INTO vault_keys (kid, purpose, master_kid, wrapped, created_at) VALUES ($1, 'app', $2, $3, 0)";
    world.change(sqlx::query(put).bind(late.kid).bind(late.master_kid).bind(late.wrapped)).await;
    let status = run(&server.broker, Command::VaultStatus).await.expect("a status").lines.join("\n");
    assert!(
        status.contains("A rotation has not come to its end") && !status.contains("remove it"),
        "{status}"
    );
    let steps = rotate(&server.broker).await;
    assert!(matches!(steps.last(), Some(Step::Retired { from, .. }) if *from == old), "{steps:?}");
    assert_eq!(wrapped_by(&world, &old).await, 0);
    opens_everything(&open(&keyed(&world, NEW_KEY, None), &world.clock).await).await;
}

/// A data key in the old wrapping, by a server that has not heard of the new one yet.
async fn add_late(world: &World, server: &Broker) {
    add_data_keys(&world.broker, 1).await;
    server.held.forget_all();
}

#[rstest]
#[tokio::test]
async fn a_server_that_lacks_the_key_in_use_is_not_ready_and_says_why(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    world.connection().await;
    let server = with_both(&world).await;
    rotate(&server.broker).await;
    let world = &world;
    let ready = |machine_room: String| async move {
        let answer = world.http.get(format!("{machine_room}/readyz")).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    let (status, body) = ready(world.machine_room.clone()).await;
    assert_eq!((status, &body["what"]), (503, &json!("vault")), "{body}");
    assert!(body["why"].as_str().is_some_and(|why| why.contains(server.broker.vault.master_kid())), "{body}");
    assert_eq!(ready(server.machine_room.clone()).await.0, 200);
}

#[tokio::test]
async fn a_rotation_does_not_begin_before_every_server_knows_the_new_key() {
    let world = World::new(Postgres).await;
    world.connection().await;
    let server = world.process(&both(&world)).await;
    let refused = step(&server.broker, Progress::default()).await.expect_err("a refusal").to_string();
    assert!(refused.starts_with("1 running servers were not given "), "{refused}");
    assert_eq!(wrapped_by(&world, server.broker.vault.master_kid()).await, 0);
    // Until then the old key wraps what is new, so that everybody can open it.
    let (_, wrapped) = server.broker.vault.new_data_key().expect("a data key");
    assert_eq!(wrapped.master_kid, world.broker.vault.master_kid());
    // One that was killed is forgotten after a while.
    world.clock.advance(replicas::lives::LIVES + 1);
    replicas::beat(&server.broker).await.expect("a beat");
    let third = world.process(&both(&world)).await;
    let Step::Further { progress, .. } = step(&server.broker, Progress::default()).await.expect("a step")
    else {
        panic!("there is something to rotate");
    };
    // The third has not heard of it, and may still wrap by the old one: the end waits for it.
    let waiting = step(&server.broker, progress.clone()).await.expect("a step");
    assert!(matches!(waiting, Step::Waiting { servers: 1, .. }), "{waiting:?}");
    add_data_keys(&third.broker, 1).await;
    for _ in 0..2 {
        replicas::beat(&third.broker).await.expect("a beat");
    }
    let (_, wrapped) = third.broker.vault.new_data_key().expect("a data key");
    assert_eq!(wrapped.master_kid, server.broker.vault.master_kid());
    assert!(matches!(rotate(&server.broker).await.last(), Some(Step::Retired { .. })));
    assert_eq!(wrapped_by(&world, world.broker.vault.master_kid()).await, 0);
    // Whoever slept through all of it can store nothing under the old key.
    let (_, late) = world.broker.vault.new_data_key().expect("a data key");
    let mut transaction = world.broker.db.begin().await.expect("a transaction");
    let stored = vault::insert(&mut transaction, &late, Purpose::App, world.clock.now()).await;
    assert!(stored.is_err());
}

#[rstest]
#[tokio::test]
async fn a_data_key_that_opens_with_no_key_is_named_and_stops_nobody(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.caller().await;
    add_data_keys(&world.broker, 3).await;
    let server = with_both(&world).await;
    let seal =
        "SELECT kid FROM vault_keys WHERE purpose = $1 AND kid NOT IN (SELECT data_kid FROM apps) LIMIT 1";
    let kid = world.column(seal, "app").await.expect("a data key");
    world.change(sqlx::query("UPDATE vault_keys SET wrapped = 'AAAA' WHERE kid = $1").bind(&kid)).await;
    let steps = rotate(&server.broker).await;
    let named = steps.iter().any(|step| {
        matches!(step, Step::Further { damaged, .. } if damaged.iter().any(|damage| damage.row == kid))
    });
    assert!(named, "{steps:?}");
    assert!(
        matches!(steps.last(), Some(Step::Retired { progress, .. }) if progress.damaged == 1),
        "{steps:?}"
    );
    assert_eq!(get(&world, &server.url, &connection).await["ok"], true);
    // What is left under it cannot be opened by anything: the old key is not needed for it.
    try_start(&world, &keyed(&world, NEW_KEY, None)).await.expect("a start");
}
