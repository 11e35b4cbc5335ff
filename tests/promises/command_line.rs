//! The command line: the real binary, on a configuration whose issuer is down.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;

use crate::own_server::free_port;

/// What must happen happens within this.
const PATIENCE: Duration = Duration::from_secs(30);
const SECRETS: [&str; 3] = ["sign-in-s3cret", "app-s3cret", "cli-s3cret"];

pub struct Place {
    directory: TempDir,
    pub public_url: String,
    pub machine_room: String,
}

fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_attache"));
    command.env_remove("ATTACHE_TEST_POSTGRES").stdin(Stdio::null());
    command
}

impl Place {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let new_key = binary().args(["vault", "new-key"]).output().expect("an end");
        assert!(new_key.status.success());
        std::fs::write(directory.path().join("master.key"), &new_key.stdout).expect("a file");
        let (port, machine_room, issuer) = (free_port(), free_port(), free_port());
        let config = format!(
            r#"
public_url = "http://127.0.0.1:{port}"
[listen]
address = "127.0.0.1:{port}"
machine_room = "127.0.0.1:{machine_room}"
drain_seconds = 0
[database]
url = "sqlite://{directory}/attache.db"
[vault]
master_key_file = "{directory}/master.key"
[outbound]
allow_origins = ["http://127.0.0.1:{issuer}"]
[sign_in]
issuer = "down"
client_id = "attache"
client_secret = "sign-in-s3cret"
[issuers.down]
issuer = "http://127.0.0.1:{issuer}/"
[apps.content-writer]
name = "Content Writer"
issuer = "down"
client_id = "content-writer"
client_secret = "app-s3cret"
scopes = ["openid"]
"#,
            directory = directory.path().display()
        );
        std::fs::write(directory.path().join("attache.toml"), config).expect("a file");
        Self {
            directory,
            public_url: format!("http://127.0.0.1:{port}"),
            machine_room: format!("http://127.0.0.1:{machine_room}"),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A command beside this configuration, found by its usual name.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = binary();
        command.current_dir(self.directory.path()).args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("an end")
    }

    pub fn replace(&self, from: &str, to: &str) {
        let path = self.path("attache.toml");
        let text = std::fs::read_to_string(&path).expect("a file");
        assert!(text.contains(from));
        std::fs::write(path, text.replace(from, to)).expect("a file");
    }

    pub async fn serve(&self) -> Serving {
        let log = std::fs::File::create(self.path("log")).expect("a file");
        let child = self.command(&["serve"]).stderr(log).spawn().expect("a process");
        let serving = Serving(child);
        let began = Instant::now();
        while reqwest::get(format!("{}/healthz", self.machine_room)).await.is_err() {
            let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "the server does not serve: {log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        serving
    }

    /// Whether a key is good, by an answer that needs one.
    async fn knows(&self, key: &str) -> bool {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let request = client.post(format!("{}/api/apps.auth.external.get", self.public_url)).bearer_auth(key);
        let answer = request.form(&[("external_token_id", "Et1")]).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let body: Value = answer.json().await.expect("JSON");
        match body["error"].as_str() {
            Some("token_not_found") => true,
            Some("invalid_auth") => false,
            other => panic!("neither: {other:?}"),
        }
    }
}

/// A server that is stopped whatever becomes of the test.
pub struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Serving {
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
    }

    pub async fn end(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("a status") {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "the server does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

pub fn succeeded(output: &Output) -> &str {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Exit code 1 and one sentence; what it says.
pub fn refused(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(1), "{} {}", text(&output.stdout), text(&output.stderr));
    let said = text(&output.stderr);
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    said
}

pub fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn a_bad_configuration_is_exit_code_2_and_one_line_a_fault() {
    let place = Place::new();
    place.replace(
        "issuer = \"down\"\nclient_id = \"attache\"",
        "issuer = \"nowhere\"\nclient_id = \"attache\"",
    );
    place.replace("machine_room = \"127", "machine_room = \"x127");
    for command in ["serve", "check", "migrate"] {
        let output = place.run(&[command]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        let lines: Vec<&str> = text(&output.stderr).lines().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].starts_with("listen.machine_room: ") && lines[1].starts_with("sign_in.issuer: "),
            "{lines:?}"
        );
    }
    let missing = place.run(&["serve", "--config", "elsewhere.toml"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("elsewhere.toml") && text(&missing.stderr).contains("--config"));
    assert!(!place.path("attache.db").exists());
}

#[test]
fn a_new_master_key_is_alone_on_standard_output_and_never_the_same() {
    let keys: Vec<String> = (0..2)
        .map(|_| {
            let output = binary().args(["vault", "new-key"]).output().expect("an end");
            assert!(output.stderr.is_empty());
            let line = text(&output.stdout).to_owned();
            assert!(attache::vault::MasterKey::parse(&attache::secret::Token::new(line.trim_end())).is_ok());
            line
        })
        .collect();
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn migrate_makes_a_database_that_is_the_operators_alone() {
    let place = Place::new();
    // Even where files are usually made for everybody.
    std::fs::set_permissions(place.directory.path(), Permissions::from_mode(0o777)).expect("a mode");
    succeeded(&place.run(&["migrate"]));
    succeeded(&place.run(&["migrate"]));
    assert_eq!(mode(&place.path("attache.db")), 0o600);
    assert_eq!(mode(&place.path("attache.db.lock")), 0o600);
}

#[test]
fn check_says_that_an_issuer_is_down_and_opens_no_database() {
    let place = Place::new();
    let output = place.run(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("issuers.down: "), "{}", text(&output.stdout));
    assert!(!text(&output.stdout).contains("good"), "{}", text(&output.stdout));
    assert!(!place.path("attache.db").exists());
}

#[tokio::test]
async fn a_second_server_on_one_database_refuses_and_names_the_lock() {
    let place = Place::new();
    let mut first = place.serve().await;
    place.replace(&place.public_url.clone(), &format!("http://127.0.0.1:{}", free_port()));
    let second = place.run(&["serve"]);
    let said = refused(&second);
    assert!(said.contains(place.path("attache.db.lock").to_str().expect("a path")), "{said}");
    assert!(refused(&place.run(&["migrate"])).contains("attache.db.lock"));
    first.terminate();
    assert_eq!(first.end().await, Some(0));
    // The lock went with the process.
    succeeded(&place.run(&["migrate"]));
}

#[tokio::test]
async fn beside_a_running_server_a_command_goes_through_its_socket_and_counts_at_once() {
    let place = Place::new();
    let mut serving = place.serve().await;
    assert_eq!(mode(&place.path("attache.db.sock")), 0o600);
    assert_eq!(mode(&place.path("attache.db")), 0o600);
    let made = place.run(&["key", "create", "--caller", "a_function", "--app", "content-writer"]);
    let key = succeeded(&made).trim_end().to_owned();
    assert!(key.starts_with("ak_") && key.lines().count() == 1, "{key}");
    assert!(!text(&made.stderr).contains(&key));
    assert!(place.knows(&key).await);
    let listed = place.run(&["key", "list"]);
    let line = succeeded(&listed).lines().next().expect("a line");
    assert!(line.contains("a_function\tcontent-writer") && line.ends_with("live"), "{line}");
    assert!(!line.contains(key.rsplit('_').nth(1).expect("the secret")));
    succeeded(&place.run(&["key", "revoke", line.split('\t').next().expect("an id")]));
    assert!(!place.knows(&key).await);
    let unknown = place.run(&["key", "create", "--caller", "a_function", "--app", "nothing"]);
    assert_eq!(refused(&unknown), "There is no app `nothing`; `attache app list` shows them.\n");
    serving.terminate();
    assert_eq!(serving.end().await, Some(0));
    assert!(!place.path("attache.db.sock").exists());
}

#[tokio::test]
async fn without_a_server_a_command_opens_the_database_itself() {
    let place = Place::new();
    let made = place.run(&["key", "create", "--caller", "a_function", "--app", "content-writer"]);
    let key = succeeded(&made).trim_end().to_owned();
    let _serving = place.serve().await;
    assert!(place.knows(&key).await);
}

#[test]
fn apps_are_added_listed_and_taken_out_of_use() {
    let place = Place::new();
    let add = ["app", "add", "tickets", "--name", "Tickets", "--issuer", "down", "--client-id", "tickets"];
    let add = [add.as_slice(), &["--scope", "openid", "--client-secret-stdin"]].concat();
    let mut child =
        place.command(&add).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
    child.stdin.take().expect("standard input").write_all(b"cli-s3cret\n").expect("a write");
    let output = child.wait_with_output().expect("an end");
    let said = succeeded(&output);
    assert!(said.contains(&format!("{}/connect/tickets/callback", place.public_url)), "{said}");
    let list = place.run(&["app", "list"]);
    let lines: Vec<&str> = succeeded(&list).lines().collect();
    let redirect_uri = |key: &str| format!("{}/connect/{key}/callback", place.public_url);
    let listed = [
        format!("content-writer\tapproved\tconfig\tdown\tContent Writer\t{}", redirect_uri("content-writer")),
        format!("tickets\tapproved\tcli\tdown\tTickets\t{}", redirect_uri("tickets")),
    ];
    assert_eq!(lines, listed);
    assert!(refused(&place.run(&["app", "remove", "content-writer"])).contains("configuration file"));
    assert_eq!(refused(&place.run(&["app", "remove", "nothing"])), "There is no such app.\n");
    succeeded(&place.run(&["app", "remove", "tickets"]));
    assert!(succeeded(&place.run(&["app", "list"])).contains("tickets\tsuspended\tcli"));
    let mine = ["app", "add", "content-writer", "--name", "X", "--issuer", "down", "--client-id", "x"];
    assert!(refused(&place.run(&mine)).contains("was made by config"));
    let bounded = |permissions: &str| {
        let tickets =
            ["app", "add", "tickets", "--name", "Tickets", "--issuer", "down", "--client-id", "tickets"];
        place.run(&[tickets.as_slice(), &["--permissions", permissions]].concat())
    };
    for (odd, cure) in [
        (r#"[{"actions":["raed"]}]"#, "[0].actions[0]"),
        ("[]", "leave it out for no bound"),
        ("@/nowhere", "/nowhere cannot be read"),
    ] {
        let answer = bounded(odd);
        let said = String::from_utf8_lossy(&answer.stderr);
        assert!(answer.status.code() == Some(2) && said.contains(cure), "{said}");
    }
    succeeded(&bounded(r#"[{"actions":["read"],"stages":["PUBLISHED"]}]"#));
    let another_issuer = ["app", "add", "x", "--name", "X", "--issuer", "nowhere", "--client-id", "x"];
    assert!(refused(&place.run(&another_issuer)).contains("nowhere"));
}

#[tokio::test]
async fn with_another_master_key_a_server_refuses_to_start() {
    let place = Place::new();
    succeeded(&place.run(&["key", "list"]));
    let key = binary().args(["vault", "new-key"]).output().expect("an end");
    std::fs::write(place.path("master.key"), key.stdout).expect("a file");
    for command in [["serve"].as_slice(), &["key", "list"]] {
        let output = place.run(command);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("vault.master_key: "), "{}", text(&output.stderr));
    }
}

#[tokio::test]
async fn a_server_whose_issuer_is_down_serves_and_says_so() {
    let place = Place::new();
    let mut serving = place.serve().await;
    let ready = reqwest::get(format!("{}/readyz", place.machine_room)).await.expect("an answer");
    assert_eq!(ready.status(), StatusCode::OK);
    assert_eq!(ready.json::<Value>().await.expect("JSON")["status"], "degraded");
    let page = reqwest::get(format!("{}/sign-in", place.public_url)).await.expect("an answer");
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    serving.terminate();
    assert_eq!(serving.end().await, Some(0));
    let log = std::fs::read_to_string(place.path("log")).expect("a log");
    assert!(log.contains("drained"), "{log}");
    assert!(SECRETS.iter().all(|secret| !log.contains(secret)), "{log}");
}

#[test]
fn no_argument_takes_a_secret() {
    let commands: [&[&str]; 23] = [
        &[],
        &["serve"],
        &["demo"],
        &["check"],
        &["migrate"],
        &["app"],
        &["app", "add"],
        &["app", "import"],
        &["app", "list"],
        &["app", "remove"],
        &["key"],
        &["key", "create"],
        &["key", "revoke"],
        &["vault", "new-key"],
        &["vault", "status"],
        &["vault", "rotate"],
        &["backup"],
        &["restore", "done"],
        &["freeze"],
        &["unfreeze"],
        &["revoke"],
        &["account"],
        &["account", "delete"],
    ];
    for command in commands {
        let output = binary().args(command).arg("--help").output().expect("an end");
        let help = succeeded(&output);
        let flags = help.split_whitespace().filter(|word| word.starts_with("--"));
        for flag in flags {
            let flag = flag.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            let secret = ["secret", "password", "token", "key"].iter().any(|word| flag.contains(word));
            assert!(!secret || flag.ends_with("-file") || flag.ends_with("-stdin"), "{command:?} has {flag}");
        }
    }
}
