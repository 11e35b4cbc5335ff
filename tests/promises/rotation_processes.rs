//! A rotation by real processes that are killed: servers go on serving, and the next command goes on where the one
//! before was.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use attache::replicas;
use serde_json::Value;

use crate::processes::serve_with;
use crate::rotation::{NEW_KEY, add_data_keys, keyed};
use crate::world::{MASTER_KEY, Postgres, World};

fn rotate(world: &World) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_attache"));
    command.current_dir(world.directory()).env_remove("ATTACHE_TEST_POSTGRES").args(["vault", "rotate"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn finished(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().expect("an end")).await.expect("a thread")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_survives_the_processes_that_carry_it_out() {
    let world = World::new(Postgres).await;
    let connection = world.connection().await;
    add_data_keys(&world.broker, 4_000).await;
    let (_, key) = world.caller().await;
    // Its clock is not theirs.
    replicas::leave(&world.broker).await.expect("a farewell");
    let config = keyed(&world, NEW_KEY, Some(MASTER_KEY));
    let servers = [serve_with(&world, &config).await, serve_with(&world, &config).await];
    let ask = |number: usize| {
        let url = format!("{}/api/apps.auth.external.get", servers[number % 2].url);
        let form = [("external_token_id", connection.clone())];
        let post = world.http.post(url).bearer_auth(&key).form(&form).send();
        async { post.await.expect("an answer").json::<Value>().await.expect("JSON") }
    };
    for kill in 0..8 {
        let mut child = rotate(&world).spawn().expect("a process");
        let moment = tokio::time::sleep(Duration::from_millis(60 * kill));
        tokio::pin!(moment);
        let mut asked = 0;
        loop {
            tokio::select! {
                () = &mut moment => break,
                answer = ask(asked) => assert_eq!(answer["ok"], true, "{answer}"),
            }
            asked += 1;
        }
        child.kill().expect("a kill");
        child.wait().expect("an end");
        assert_eq!(ask(0).await["ok"], true);
    }
    let done = finished(rotate(&world)).await;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said} {}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("is out of use") || said.contains("nothing to rotate"), "{said}");
    for number in 0..2 {
        assert_eq!(ask(number).await["ok"], true);
    }
    let old = world.broker.vault.master_kid().to_owned();
    let left =
        world.column("SELECT CAST(COUNT(*) AS TEXT) FROM vault_keys WHERE master_kid = $1", &old).await;
    assert_eq!(left.as_deref(), Some("0"));
    // The old key alone starts nothing any more.
    std::fs::write(world.directory().join("attache.toml"), &world.config).expect("a file");
    let mut alone = rotate(&world);
    alone.env("ATTACHE_LOG__LEVEL", "error");
    let refused = finished(alone).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("the vault was rotated to mk_"), "{said}");
}
