//! Backup, restore and the vault on the command line: the real binary, with a running server and without one.

use std::process::Command;

use serde_json::Value;

use crate::command_line::{Place, mode, refused, succeeded, text};

fn new_key() -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_attache")).args(["vault", "new-key"]).output();
    output.expect("an end").stdout
}

#[tokio::test]
async fn a_backup_is_made_by_the_running_server_and_opens_in_its_place() {
    let place = Place::new();
    let mut serving = place.serve().await;
    let made = place.run(&["backup", "copy.db"]);
    assert!(succeeded(&made).contains("master key (mk_"), "{}", text(&made.stdout));
    assert_eq!(mode(&place.path("copy.db")), 0o600);
    assert!(refused(&place.run(&["backup", "copy.db"])).contains("is there already"));
    assert_eq!(mode(&place.path("attache.db.mark")), 0o600);
    serving.terminate();
    assert_eq!(serving.end().await, Some(0));
    succeeded(&place.run(&["backup", "later.db"]));
    std::fs::rename(place.path("copy.db"), place.path("attache.db")).expect("a move");
    assert!(
        succeeded(&place.run(&["restore", "status"])).contains("no restored copy"),
        "nobody was connected"
    );
    succeeded(&place.run(&["vault", "status"]));
}

#[tokio::test]
async fn a_restored_copy_is_told_of_everywhere_until_the_operator_has_spoken() {
    let place = Place::new();
    let mut serving = place.serve().await;
    assert!(succeeded(&place.run(&["restore", "mark"])).starts_with("0 connections"));
    let ready = reqwest::get(format!("{}/readyz", place.machine_room)).await.expect("an answer");
    let ready: Value = ready.json().await.expect("JSON");
    assert!(ready["restored"].as_str().is_some_and(|said| said.contains("attache restore done")), "{ready}");
    let check = place.run(&["check"]);
    assert!(text(&check.stdout).contains("database: This is an old copy"), "{}", text(&check.stdout));
    serving.terminate();
    assert_eq!(serving.end().await, Some(0));
    let mut serving = place.serve().await;
    let log = std::fs::read_to_string(place.path("log")).expect("a log");
    assert!(log.contains("This is an old copy of the database: the operator says so"), "{log}");
    succeeded(&place.run(&["restore", "done"]));
    assert!(!text(&place.run(&["check"]).stdout).contains("old copy"));
    serving.terminate();
    assert_eq!(serving.end().await, Some(0));
}

#[tokio::test]
async fn the_master_key_is_rotated_beside_a_running_server_and_comes_from_a_command() {
    let place = Place::new();
    let mut serving = place.serve().await;
    let nothing = place.run(&["vault", "rotate"]);
    assert!(succeeded(&nothing).contains("there is nothing to rotate"));
    let house = place.run(&["vault", "rotate-house"]);
    assert!(succeeded(&house).contains("seals what belongs to the house"), "{}", text(&house.stdout));
    let signing = place.run(&["signing-key", "rotate"]);
    assert!(succeeded(&signing).contains("is published, and signs by EdDSA"), "{}", text(&signing.stdout));
    // Its name of before.
    assert!(refused(&place.run(&["vault", "rotate-signing"])).contains("about to follow already"));
    let listed = place.run(&["signing-key", "list"]);
    let listed = succeeded(&listed);
    assert_eq!(listed.matches("\tEdDSA\tsigns").count(), 2, "one signs, one from a moment on: {listed}");
    succeeded(&place.run(&["signing-key", "rotate", "--withdraw"]));
    succeeded(&place.run(&["signing-key", "rotate", "--algorithm", "ES256"]));
    let listed = place.run(&["signing-key", "list"]);
    let listed = succeeded(&listed);
    assert!(listed.lines().count() == 2 && listed.contains("\tES256\tsigns from "), "{listed}");
    let unknown = place.run(&["signing-key", "rotate", "--algorithm", "HS256"]);
    assert!(
        text(&unknown.stderr).contains("[possible values: EdDSA, ES256, RS256]"),
        "{}",
        text(&unknown.stderr)
    );
    serving.terminate();
    assert_eq!(serving.end().await, Some(0));
    std::fs::write(place.path("new.key"), new_key()).expect("a file");
    let directory = place.path("").display().to_string();
    let usual = format!("master_key_file = \"{directory}master.key\"");
    place.replace(
        &usual,
        &format!("master_key_command = [\"cat\", \"{directory}new.key\"]\nprevious_{usual}"),
    );
    let mut serving = place.serve().await;
    let rotated = place.run(&["vault", "rotate"]);
    assert!(succeeded(&rotated).contains("is out of use"), "{}", text(&rotated.stdout));
    let status = place.run(&["vault", "status"]);
    let said = succeeded(&status);
    assert!(
        said.contains("remove it from the configuration") && said.contains("sealed values open."),
        "{said}"
    );
    serving.terminate();
    assert_eq!(serving.end().await, Some(0));
    let again = place.serve().await;
    let log = std::fs::read_to_string(place.path("log")).expect("a log");
    assert!(log.contains("vault.previous_master_key wraps nothing any more"), "{log}");
    drop(again);
    place.replace(&format!("previous_{usual}"), "");
    succeeded(&place.run(&["vault", "status"]));
    // A command that fails starts nothing, and what it wrote is shown to nobody.
    place.replace("[\"cat\", ", "[\"sh\", \"-c\", \"cat $0; echo the vault is sealed >&2; exit 4\", ");
    let output = place.run(&["vault", "status"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.starts_with("vault.master_key_command: sh failed") && said.contains("the vault is sealed"),
        "{said}"
    );
    let key = std::fs::read_to_string(place.path("new.key")).expect("a key");
    assert!(!said.contains(key.trim()));
}
