//! A backup is one moment of the database, taken while it is being changed.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use attache::error::Error;
use attache::operator::vault::Looked;
use attache::operator::{Command, Output, run};
use sqlx::{ConnectOptions, Row};

use crate::world::{APP, Postgres, READER, Sqlite, World, open};

pub async fn backup(world: &World, file: PathBuf) -> Result<Output, Error> {
    let mut begun = false;
    loop {
        let answer = run(&world.broker, Command::Backup { file: file.clone(), begun }).await?;
        if answer.next.is_none() {
            return Ok(answer);
        }
        begun = true;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_while_tokens_are_rotated_opens_and_is_consistent() {
    let world = Arc::new(World::new(Sqlite).await);
    let connections = [world.connection().await, world.signed_in(READER).await.connect_as(APP, READER).await];
    world.caller().await;
    let refreshing = {
        let (world, connections) = (Arc::clone(&world), connections.clone());
        tokio::spawn(async move {
            for _ in 0..15 {
                for connection in &connections {
                    world.clock.advance(60);
                    let forced = [("external_token_id", connection.as_str()), ("force_refresh", "true")];
                    assert_eq!(world.slack("get", &forced).await["ok"], true);
                }
            }
        })
    };
    let mut files = Vec::new();
    while !refreshing.is_finished() {
        let file = world.directory().join(format!("backup-{}.db", files.len()));
        backup(&world, file.clone()).await.expect("a backup");
        files.push(file);
    }
    refreshing.await.expect("refreshes");
    for file in &files {
        assert_eq!(std::fs::metadata(file).expect("a file").permissions().mode() & 0o777, 0o600);
        let url = format!("sqlite://{}", file.display());
        let options: sqlx::any::AnyConnectOptions = url.parse().expect("options");
        let mut connection = options.connect().await.expect("a database");
        let check = sqlx::query("PRAGMA integrity_check").fetch_one(&mut connection).await.expect("a check");
        assert_eq!(check.get::<String, _>(0), "ok");
        let bytes = std::fs::read(file).expect("a file");
        for connection in &connections {
            let token = world.access_token(connection).await;
            assert!(memchr::memmem::find(&bytes, token.as_bytes()).is_none(), "sealed");
        }
    }
    let parts = std::fs::read_dir(world.directory()).expect("a directory");
    let parts = parts
        .filter(|entry| entry.as_ref().expect("an entry").path().extension().is_some_and(|e| e == "part"));
    assert_eq!(parts.count(), 0);
    // The tokens in it are those of one moment: all of them open.
    let last = files.last().expect("a backup").display().to_string();
    let config = world.config.replace(&world.directory().join("attache.db").display().to_string(), &last);
    let copy = open(&config, &world.clock).await;
    let mut looked = Looked::default();
    loop {
        let answer = run(&copy, Command::LookIntoVault { looked }).await.expect("a look");
        assert_eq!(answer.troubles, 0, "{:?}", answer.lines);
        let Some(next) = answer.next else { break };
        looked = serde_json::from_str(&next).expect("a cursor");
    }
}

#[tokio::test]
async fn a_backup_overwrites_nothing_and_is_named_by_its_whole_path() {
    let world = World::new(Sqlite).await;
    let file = world.directory().join("mine");
    std::fs::write(&file, "mine").expect("a file");
    let refused = backup(&world, file.clone()).await.expect_err("a refusal").to_string();
    assert!(refused.contains("is there already"), "{refused}");
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "mine");
    assert!(backup(&world, "here.db".into()).await.is_err());
    let nowhere = backup(&world, world.directory().join("nowhere/copy.db")).await;
    assert!(nowhere.expect_err("a refusal").to_string().contains("cannot be written"));
}

#[tokio::test]
async fn what_a_killed_backup_left_is_gone_after_the_next_one() {
    let world = World::new(Sqlite).await;
    let file = world.directory().join("copy.db");
    let left = world.directory().join("copy.db.0123456789.part");
    let made = world.directory().join("copy.db.abcdefghij.part");
    let other = world.directory().join("copy.db.notes.part");
    for path in [&left, &made, &other] {
        std::fs::write(path, "half").expect("a file");
    }
    // Another process is at this one.
    let at_work = std::fs::File::open(&made).expect("a file");
    at_work.try_lock().expect("a lock");
    backup(&world, file.clone()).await.expect("a backup");
    assert!(!left.exists() && made.exists() && other.exists());
    let begun =
        run(&world.broker, Command::Backup { file: world.directory().join("b.db"), begun: true }).await;
    assert!(begun.expect_err("it was cut short").to_string().contains("Run it again"));
}

#[tokio::test]
async fn on_postgresql_a_backup_says_what_to_use_instead() {
    let world = World::new(Postgres).await;
    let refused = backup(&world, world.directory().join("copy.db")).await.expect_err("a refusal").to_string();
    assert!(refused.contains("pg_dump") && refused.contains("docs/backup.md"), "{refused}");
}
