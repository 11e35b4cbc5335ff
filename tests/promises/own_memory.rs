//! What a process knows stays with it: a program that gives the master key sees none of our secrets, and no core dump is
//! written.

use crate::command_line::{Place, succeeded};

/// A configuration whose master key comes from a program that writes down what it sees.
fn with_a_program(place: &Place) {
    let directory = place.path("").display().to_string();
    place.replace(
        &format!("master_key_file = \"{directory}master.key\""),
        &format!(
            "master_key_command = [\"sh\", \"-c\", \"env > {directory}seen; cat {directory}master.key\"]\n\
             command_environment = [\"KMS_REGION\"]"
        ),
    );
}

#[tokio::test]
async fn the_master_keys_program_sees_what_it_needs_and_nothing_of_ours() {
    let place = Place::new();
    with_a_program(&place);
    let mut command = place.command(&["vault", "status"]);
    command.env("ATTACHE_LOG__LEVEL", "info");
    command.env("ATTACHE_SIGN_IN__CLIENT_ID", "ours").env("DATABASE_URL", "postgres://s3cret@db/x");
    command.env("PGPASSWORD", "s3cret").env("KMS_REGION", "eu-central-1").env("LC_ALL", "C");
    succeeded(&command.output().expect("an end"));
    let seen = std::fs::read_to_string(place.path("seen")).expect("a file");
    let names: Vec<&str> = seen.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    for name in ["PATH", "LC_ALL", "KMS_REGION"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let foreign =
        |name: &&&str| name.starts_with("ATTACHE_") || ["DATABASE_URL", "PGPASSWORD"].contains(*name);
    assert_eq!(names.iter().find(foreign), None);
    place.replace("[\"KMS_REGION\"]", "[\"attache_database__url\"]");
    let output = place.run(&["vault", "status"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("vault.command_environment: names attache_database__url"), "{said}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn nothing_of_a_server_is_written_into_a_core_dump() {
    let place = Place::new();
    let serving = place.serve().await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", serving.id())).expect("a file");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
    assert_eq!(core.split_whitespace().skip(4).collect::<Vec<_>>(), ["0", "0", "bytes"], "{core}");
}
