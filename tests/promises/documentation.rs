//! What the documents show is what happens: their commands are run as they stand, against a real broker.

use std::process::Output;

use attache::sandbox::platform::Environment;
use serde_json::Value;
use tokio::process::Command;

use crate::world::{Sqlite, World};

/// The fenced shell blocks of a document.
fn shell_blocks(document: &str) -> Vec<&str> {
    let blocks = document.split("```sh\n").skip(1);
    blocks.map(|rest| rest.split("```").next().expect("an end of the block")).collect()
}

async fn run(world: &World, block: &str, connection: &str, access_token: &str) -> Output {
    let (caller_id, api_key) = world.caller().await;
    let Environment { project, environment, .. } = Environment::demo();
    let script = block
        .replace("https://attache.example.com", &world.public_url)
        .replace("Et…", connection)
        .replace("PROJECT/ENVIRONMENT", &format!("{project}/{environment}"));
    let mut bash = Command::new("bash");
    bash.args(["-euc", &script]).env("API_KEY", api_key).env("CALLER_ID", caller_id);
    bash.env("ACCESS_TOKEN", access_token).output().await.expect("bash runs")
}

#[tokio::test]
async fn the_commands_for_callers_work_as_they_are_written() {
    let world = World::new(Sqlite).await;
    let connection = world.connection().await;
    let access_token = world.access_token(&connection).await;
    let document = std::fs::read_to_string("docs/callers.md").expect("the document");
    let blocks = shell_blocks(&document);
    let members = ["external_token", "access_token", "connections", "state", "access_token"];
    assert_eq!(blocks.len(), members.len(), "each block has an expectation");
    for (block, member) in blocks.into_iter().zip(members) {
        let output = run(&world, block, &connection, &access_token).await;
        let answer: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{block}\n{}", String::from_utf8_lossy(&output.stderr)));
        let told = answer[member].is_string() || answer[member].as_array().is_some_and(|all| !all.is_empty());
        assert!(told, "{block}\n{answer}");
    }
}

#[test]
fn every_document_that_the_readme_names_is_there() {
    let readme = std::fs::read_to_string("README.md").expect("the README");
    let targets = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local: Vec<&str> = targets.filter(|target| !target.starts_with("http")).collect();
    assert!(local.len() > 5);
    for target in local {
        assert!(std::path::Path::new(target).exists(), "{target}");
    }
}
