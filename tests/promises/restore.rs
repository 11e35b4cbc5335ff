//! An old copy of the database is recognised, and burns no grant: its connections wait for the operator's word.

use attache::db::sql;
use attache::operator::{Command, Output, run};
use attache::refresh::early::Line;
use attache::{Broker, replicas};
use rstest::rstest;
use serde_json::Value;

use crate::backup::backup;
use crate::elsewhere;
use crate::world::{Database, EDITOR, LIFETIME, Plan, Postgres, Replica, Sqlite, World, open, refused};

/// Runs on this file instead of the database's own.
fn moved(world: &World, name: &str) -> String {
    world.config.replace("/attache.db", &format!("/{name}"))
}

async fn ready(world: &World, machine_room: &str) -> Value {
    let answer = world.http.get(format!("{machine_room}/readyz")).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.json().await.expect("JSON")
}

async fn get(world: &World, url: &str, connection: &str) -> Value {
    let (_, key) = world.caller().await;
    let form = [("external_token_id", connection)];
    let post = world.http.post(format!("{url}/api/apps.auth.external.get")).bearer_auth(key).form(&form);
    post.send().await.expect("an answer").json().await.expect("JSON")
}

async fn forced(world: &World, connection: &str) -> String {
    world.clock.advance(60);
    let forced = [("external_token_id", connection), ("force_refresh", "true")];
    world.slack("get", &forced).await["external_token"].as_str().expect("a token").to_owned()
}

async fn state(broker: &Broker, connection: &str) -> (String, Option<&'static str>) {
    let row = attache::connection::look_up::by_id(broker, connection)
        .await
        .expect("a database")
        .expect("a connection");
    (row.status.to_string(), row.cause.map(Into::into))
}

async fn ask(broker: &Broker, command: Command) -> Output {
    run(broker, command).await.expect("an answer")
}

/// A copy of a moment before the connection's token was rotated, put in the database's place: beside it is the mark of
/// the newest. The token that the copy holds, and the server that runs on it.
async fn old_copy(world: &World, connection: &str) -> (String, Replica) {
    let token = world.access_token(connection).await;
    backup(world, world.directory().join("copy.db")).await.expect("a backup");
    assert_ne!(forced(world, connection).await, token);
    let mark = |name: &str| world.directory().join(format!("{name}.mark"));
    std::fs::copy(mark("attache.db"), mark("copy.db")).expect("a mark");
    (token, world.process(&moved(world, "copy.db")).await)
}

#[tokio::test]
async fn an_old_copy_burns_no_grant_and_waits_for_the_operators_word() {
    let world = World::new(Sqlite).await;
    let connection = world.connection().await;
    let (token, copy) = old_copy(&world, &connection).await;
    let asked = world.issuer.refreshes();
    assert_eq!(state(&copy.broker, &connection).await, ("in_doubt".to_owned(), Some("restored_copy")));
    let ready_now = ready(&world, &copy.machine_room).await;
    assert_eq!(ready_now["status"], "degraded");
    let said = ready_now["restored"].as_str().expect("a sentence");
    assert!(said.contains("attache restore done") && said.contains("1 connections"), "{said}");
    assert!(ask(&copy.broker, Command::RestoreStatus).await.lines[0].contains("old copy"));
    // It may have been revoked since: what still lives is not handed out, and nothing is refreshed early.
    let refused = get(&world, &copy.url, &connection).await;
    assert!(refused.get("external_token").is_none() && refused["state"] == "restored_copy", "{refused}");
    assert!(!refused.to_string().contains(&token));
    world.clock.advance(LIFETIME);
    assert_eq!(Line::default().begin_due(&copy.broker).await.expect("what is due"), 0);
    let refused = get(&world, &copy.url, &connection).await;
    assert_eq!(
        (refused["error"].as_str(), refused["state"].as_str()),
        (Some("access_token_exchange_failed"), Some("restored_copy")),
        "{refused}"
    );
    assert!(refused["connect_url"].is_string() && refused["retry_after"].is_i64(), "{refused}");
    assert_eq!(world.issuer.refreshes(), asked, "nothing was sent");
    // Nor after another start of the same copy.
    let again = open(&moved(&world, "copy.db"), &world.clock).await;
    assert_eq!(state(&again, &connection).await.0, "in_doubt");
    // The newest database, put back, goes on as if nothing had been: strict as the issuer is, the grant lives.
    world.access_token(&connection).await;
    assert_eq!((world.issuer.refreshes(), world.status(&connection).await.as_str()), (asked + 1, "active"));
}

#[tokio::test]
async fn a_copy_that_is_to_be_used_tries_each_connection_once_when_somebody_asks() {
    let world = World::new(Sqlite).await;
    let spent = world.connection().await;
    let person = world.signed_in(crate::world::READER).await;
    let unspent = person.connect_as(crate::world::APP, crate::world::READER).await;
    let (_, copy) = old_copy(&world, &spent).await;
    let asked = world.issuer.refreshes();
    let done = ask(&copy.broker, Command::UseRestored).await;
    assert!(done.lines[0].contains("2 connections"), "{:?}", done.lines);
    assert!(ready(&world, &copy.machine_room).await.get("restored").is_none());
    world.clock.advance(LIFETIME);
    assert_eq!(Line::default().begin_due(&copy.broker).await.expect("what is due"), 0, "not in bulk");
    assert_eq!(world.issuer.refreshes(), asked);
    // What was not spent since goes on; what was is named.
    assert_eq!(get(&world, &copy.url, &unspent).await["ok"], true);
    assert_eq!(state(&copy.broker, &unspent).await.0, "active");
    let refused = get(&world, &copy.url, &spent).await;
    assert_eq!(refused["state"], "reconnect_required", "{refused}");
    assert_eq!(state(&copy.broker, &spent).await, ("needs_reconnect".to_owned(), Some("rotation_lost")));
    assert!(ask(&copy.broker, Command::UseRestored).await.lines[0].contains("no restored copy"));
}

#[tokio::test]
async fn what_a_crash_leaves_behind_is_no_old_copy() {
    let world = World::new(Sqlite).await;
    let connection = world.connection().await;
    let mark = world.directory().join("attache.db.mark");
    forced(&world, &connection).await;
    let behind = std::fs::read(&mark).expect("a mark");
    forced(&world, &connection).await;
    assert_ne!(std::fs::read(&mark).expect("a mark"), behind);
    // It died between the commit and the mark.
    std::fs::write(&mark, behind).expect("a write");
    let again = open(&world.config, &world.clock).await;
    assert_eq!(state(&again, &connection).await.0, "active");
    assert!(ready(&world, &world.machine_room).await.get("restored").is_none());
    // From then on it follows again.
    forced(&world, &connection).await;
    let again = open(&world.config, &world.clock).await;
    assert_eq!(state(&again, &connection).await.0, "active");
}

#[rstest]
#[case::gone(None)]
#[case::unreadable(Some("attache-mark-1 half"))]
#[case::of_another_database(Some("attache-mark-1 0123456789ABCDEFGHJK 00000000000000000001\n"))]
#[tokio::test]
async fn a_database_without_its_own_mark_is_taken_for_a_copy(#[case] found: Option<&str>) {
    let world = World::new(Sqlite).await;
    let connection = world.connection().await;
    forced(&world, &connection).await;
    let mark = world.directory().join("attache.db.mark");
    match found {
        None => std::fs::remove_file(&mark).expect("a mark"),
        Some(text) => std::fs::write(&mark, text).expect("a write"),
    }
    let again = open(&world.config, &world.clock).await;
    assert_eq!(state(&again, &connection).await, ("in_doubt".to_owned(), Some("restored_copy")));
}

#[tokio::test]
async fn an_issuer_that_does_not_rotate_goes_on_when_the_operator_has_spoken() {
    let replace = vec![("[issuers.sandbox]\n", "[issuers.sandbox]\nrotation = \"reusable\"\n")];
    let world = World::planned(Sqlite, Plan { replace, ..Plan::default() }).await;
    let connection = world.connection().await;
    let (_, copy) = old_copy(&world, &connection).await;
    assert_eq!(state(&copy.broker, &connection).await.0, "active");
    assert!(ready(&world, &copy.machine_room).await["restored"].is_string());
    // But who may still have it, only the operator knows.
    assert_eq!(get(&world, &copy.url, &connection).await["state"], "restored_copy");
    ask(&copy.broker, Command::UseRestored).await;
    assert_eq!(get(&world, &copy.url, &connection).await["ok"], true);
}

#[rstest]
#[tokio::test]
async fn a_copy_that_nothing_tells_apart_is_marked_by_the_operator(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.access_token(&connection).await;
    let asked = world.issuer.refreshes();
    let marked = ask(&world.broker, Command::MarkRestored).await;
    assert!(marked.lines[0].starts_with("1 connections are in doubt"), "{:?}", marked.lines);
    assert_eq!(world.get(&connection).await["state"], "restored_copy");
    world.clock.advance(LIFETIME);
    assert_eq!(world.get(&connection).await["state"], "restored_copy");
    assert!(ready(&world, &world.machine_room).await["restored"].is_string());
    assert_eq!(world.issuer.refreshes(), asked);
    // The person need not wait for the operator.
    let person = world.signed_in(crate::world::EDITOR).await;
    assert_eq!(person.connect(crate::world::APP).await, connection);
    world.access_token(&connection).await;
    ask(&world.broker, Command::UseRestored).await;
    world.access_token(&connection).await;
    assert_eq!(state(&open(&world.config, &world.clock).await, &connection).await.0, "active");
}

#[rstest]
#[tokio::test]
async fn nothing_that_existed_then_is_handed_out_by_any_way_until_the_operator_has_spoken(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    // The access token that is stored, a content token that is kept, and a JWT got elsewhere.
    let stored = world.access_token(&connection).await;
    let elsewhere = elsewhere::tokens(&world, EDITOR).await.access;
    let by_id = [
        ("subject_token", connection.as_str()),
        ("subject_token_type", "urn:attache:params:oauth:token-type:connection"),
    ];
    let by_token = |token: &'static str| [("subject_token", token)];
    let subjects = [&*stored.clone().leak(), &*elsewhere.leak()].map(by_token);
    let ways = || subjects.iter().map(<[_; 1]>::as_slice).chain([by_id.as_slice()]);
    for way in ways() {
        assert_eq!(world.exchange(way).await.status(), 200);
    }
    ask(&world.broker, Command::MarkRestored).await;
    for way in ways() {
        let said = refused(world.exchange(way).await, 503, "temporarily_unavailable").await;
        assert!(said.contains("restored from an older copy"), "{said}");
    }
    assert_eq!(world.get(&connection).await["state"], "restored_copy");
    assert_eq!(world.v1_token(&connection, &serde_json::json!({})).await.status(), 503);
    for [(_, token)] in subjects {
        let viewer: Value = world.viewer(token).await.json().await.expect("JSON");
        assert!(viewer["errors"].is_array(), "{viewer}");
        assert!(viewer["data"]["_viewer"]["project"].is_null(), "{viewer}");
    }
    // The freeze that does it is nobody's to lift alone.
    let id = world.column("SELECT id FROM freezes WHERE part_of <> $1", "").await.expect("a freeze");
    assert!(run(&world.broker, Command::Unfreeze { id }).await.is_err());
    let person = world.signed_in(EDITOR).await;
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(!page.says("is being stopped"), "{}", page.text);
    ask(&world.broker, Command::UseRestored).await;
    for way in ways() {
        assert_eq!(world.exchange(way).await.status(), 200);
    }
    assert_eq!(world.access_token(&connection).await, stored);
    assert_eq!(world.rows("freezes").await, 0);
}

#[rstest]
#[case::to_another_cluster("1/00000001")]
#[tokio::test]
async fn a_postgresql_database_in_another_place_is_taken_for_a_copy(#[case] known: &'static str) {
    let world = World::new(Postgres).await;
    let connection = world.connection().await;
    let change = "UPDATE copy_mark SET cluster = $1 WHERE id = 1 AND cluster IS NOT NULL";
    assert_eq!(sql(change).bind(known).execute(&world.broker.db).await.expect("a change"), 1);
    let again = world.replica().await;
    assert_eq!(state(&again.broker, &connection).await, ("in_doubt".to_owned(), Some("restored_copy")));
    assert!(ready(&world, &world.machine_room).await["restored"].is_string(), "said by every server");
    let seen = world.column("SELECT cluster FROM copy_mark WHERE epoch <> $1", "").await.expect("a cluster");
    assert!(seen.contains('/') && seen != known, "{seen}");
}

#[tokio::test]
async fn a_standby_that_had_everything_puts_nothing_in_doubt_and_one_that_had_not_does() {
    let world = World::new(Postgres).await;
    let connection = world.connection().await;
    let change = "UPDATE copy_mark SET cluster = '1/00000001' WHERE id = 1";
    world.change(sqlx::query(change)).await;
    replicas::beat(&world.broker).await.expect("a beat");
    assert_eq!(world.status(&connection).await, "active");
    // The same, and what the server wrote a moment ago is missing.
    world.change(sqlx::query(change)).await;
    world.change(sqlx::query("DELETE FROM replicas")).await;
    replicas::beat(&world.broker).await.expect("a beat");
    assert_eq!(world.status(&connection).await, "in_doubt");
}

#[rstest]
#[case(Sqlite, &["PostgreSQL", "server", "timeline", "database.url"])]
#[case(Postgres, &["SQLite", ".mark", "file beside"])]
#[tokio::test]
async fn the_status_of_a_copy_speaks_of_this_kind_of_database(
    #[case] database: Database,
    #[case] of_the_other: &[&str],
) {
    let world = World::new(database).await;
    world.connection().await;
    let mut said = ask(&world.broker, Command::RestoreStatus).await.lines;
    said.extend(ask(&world.broker, Command::MarkRestored).await.lines);
    said.extend(ask(&world.broker, Command::RestoreStatus).await.lines);
    said.extend(ask(&world.broker, Command::UseRestored).await.lines);
    let said = said.join("\n");
    for word in of_the_other {
        assert!(!said.contains(word), "{word}: {said}");
    }
}
