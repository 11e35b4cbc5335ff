//! Real processes over one PostgreSQL database: whoever of them is asked, a connection is refreshed once and a revoke
//! is final.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use attache::sandbox::fault::Fault;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::world::{Postgres, World};

const PATIENCE: Duration = Duration::from_secs(30);

/// `attache serve` by the configuration of the stage; killed whatever becomes of the test.
pub struct Process {
    child: Child,
    pub url: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// As kill -9 does.
    pub fn kill(mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("an end");
    }

    /// As SIGSTOP does, until it goes on.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().try_into().ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("a signal");
    }
}

fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

pub async fn serve(world: &World) -> Process {
    serve_with(world, &world.config).await
}

/// By another configuration.
pub async fn serve_with(world: &World, config: &str) -> Process {
    std::fs::write(world.directory().join("attache.toml"), config).expect("a file");
    let (address, machine_room) = (free_address(), free_address());
    let child = Command::new(env!("CARGO_BIN_EXE_attache"))
        .current_dir(world.directory())
        .env_remove("ATTACHE_TEST_POSTGRES")
        .env("ATTACHE_LISTEN__ADDRESS", &address)
        .env("ATTACHE_LISTEN__MACHINE_ROOM", &machine_room)
        .arg("serve")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process");
    let process = Process { child, url: format!("http://{address}") };
    let began = Instant::now();
    while world.http.get(format!("http://{machine_room}/healthz")).send().await.is_err() {
        assert!(began.elapsed() < PATIENCE, "the process does not serve");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    process
}

async fn three(world: &World) -> [Process; 3] {
    [serve(world).await, serve(world).await, serve(world).await]
}

async fn get(world: &World, process: &Process, connection: &str) -> Value {
    let (_, key) = world.caller().await;
    let url = format!("{}/api/apps.auth.external.get", process.url);
    let form = [("external_token_id", connection)];
    let answer = world.http.post(url).bearer_auth(key).form(&form).send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_hundred_callers_of_three_processes_cost_an_expired_connection_one_refresh() {
    let world = std::sync::Arc::new(World::new(Postgres).await);
    let connection = world.connection().await;
    let processes = std::sync::Arc::new(three(&world).await);
    let run_out = "UPDATE connections SET access_expires_at = 1 WHERE id = $1";
    world.change(sqlx::query(run_out).bind(&connection)).await;
    let before = world.issuer.refreshes();
    world.caller().await;
    // One that is slow, so that they all wait for it.
    world.issuer.faults().token.next(Fault::Delay(Duration::from_millis(500)));
    let mut callers = JoinSet::new();
    for number in 0..300 {
        let (world, processes) = (std::sync::Arc::clone(&world), std::sync::Arc::clone(&processes));
        let connection = connection.clone();
        callers.spawn(async move { get(&world, &processes[number % 3], &connection).await });
    }
    let answers = callers.join_all().await;
    let tokens: BTreeSet<&str> = answers
        .iter()
        .map(|answer| answer["external_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")))
        .collect();
    assert_eq!(tokens.len(), 1, "all of them get the same token");
    assert_eq!(world.issuer.refreshes() - before, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_revoke_no_process_hands_out_anything() {
    let world = World::new(Postgres).await;
    let processes = three(&world).await;
    for round in 0..5 {
        let connection = world.connection().await;
        for process in &processes {
            assert_eq!(get(&world, process, &connection).await["ok"], true);
        }
        let (_, key) = world.caller().await;
        let url = format!("{}/api/apps.auth.external.delete", processes[round % 3].url);
        let form = [("external_token_id", connection.as_str())];
        let answer = world.http.post(url).bearer_auth(key).form(&form).send().await.expect("an answer");
        assert_eq!(answer.json::<Value>().await.expect("JSON")["ok"], true);
        for process in &processes {
            assert_eq!(get(&world, process, &connection).await["error"], "token_not_found");
        }
    }
}
