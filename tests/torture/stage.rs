//! What a trial is played on: an issuer whose book outlives every process, a database, the processes with one
//! configuration, and connections made by consent in the browser.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use attache::clock::Clock;
use attache::sandbox::fault::Fault;
use attache::sandbox::{Person as Somebody, issuer};
use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::arguments::{Arguments, Database, Issuer};
use crate::callers::{Callers, client};
use crate::history::History;
use crate::person::Person;
use crate::postgres::Postgres;
use crate::process::Process;
use crate::world::{EDITOR, World};

const APP: &str = "writer";
const MASTER_KEY: &str = "YXR0YWNoZSB0b3J0dXJlIHJ1biBtYXN0ZXIga2V5ICE=";
/// Seconds that an access token lives: about as often is a connection refreshed while somebody asks for it.
pub const LIFETIME: i64 = 2;
/// Seconds that a call to the issuer may take, when the configuration says nothing.
pub const DEADLINE: i64 = 10;
/// Seconds of a lease: two calls and half a minute.
pub const LEASE: u64 = 2 * DEADLINE.unsigned_abs() + 30;
/// Seconds that an access token lives when a thousand ask at once: longer than that takes.
pub const LONG_LIFETIME: i64 = 8;
/// How long the issuer takes to answer, so that there is always something in flight.
const ANSWERS_AFTER: Duration = Duration::from_millis(40);
/// Browsers that make connections at one time.
const BROWSERS: usize = 6;

pub struct Stage {
    pub issuer: issuer::Issuer,
    pub processes: Vec<Process>,
    pub callers: Callers,
    pub history: Arc<History>,
    /// The database's URL.
    pub database: String,
    world: World,
    folder: Option<TempDir>,
}

/// The person at the issuer whose grant a connection is.
pub fn subject(connection: usize) -> String {
    format!("sandbox|person-{connection}")
}

/// All of 127.0.0.0/8 is loopback on Linux, and nobody's own port is taken from this corner while a process is down.
pub fn local_address(number: u32) -> String {
    let run = std::process::id();
    format!("127.{}.{}.{number}", 64 + run % 128, run / 128 % 250 + 1)
}

/// As many files as the system lets us have: a thousand callers hold one each.
pub fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // What may not be raised is found out by whoever needs it.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

impl Stage {
    pub async fn set(
        arguments: &Arguments,
        database: Database,
        kind: Issuer,
        postgres: Option<&Postgres>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = match (database, postgres) {
            (Database::Postgres, Some(postgres)) => {
                postgres.create(if kind == Issuer::Strict { "strict" } else { "overlap" }).await
            }
            _ => format!("sqlite://{}", folder.path().join("attache.db").display()),
        };
        let (history, http) = (Arc::new(History::default()), client());
        let addresses: Vec<String> = (1..).take(database.processes()).map(local_address).collect();
        let public_url = format!("http://{}:8080", addresses[0]);
        let leeway = arguments.leeway_of(kind);
        let settings = issuer_settings(&public_url, leeway, arguments.connections);
        let issuer = start_issuer(settings).await;
        let config = folder.path().join("attache.toml");
        std::fs::write(&config, configuration(&public_url, &url, &issuer, leeway)).expect("a file");
        let mut processes = Vec::new();
        for (number, address) in (1..).zip(&addresses) {
            let mut process = Process::new(&format!("p{number}"), &config, address, &http, &history);
            process.start().await;
            processes.push(process);
        }
        let key = api_key(&config).await;
        let world = World { public_url, issuer: issuer.clone(), http: http.clone() };
        let connections = connect(&world, arguments.connections).await;
        issuer.settings().id_tokens = false;
        let callers = Callers {
            http,
            key,
            urls: processes.iter().map(Process::url).collect(),
            connections: Arc::new(connections),
            history: Arc::clone(&history),
        };
        let mut stage =
            Self { issuer, processes, callers, history, database: url, world, folder: Some(folder) };
        stage.issuer_is_well();
        if arguments.keep {
            stage.keep();
        }
        stage
    }

    /// The issuer answers everybody, as slowly as others do.
    pub fn issuer_is_well(&self) {
        let mut faults = self.issuer.faults();
        faults.token.clear();
        faults.token.always(Fault::DelayAfterProcessing(ANSWERS_AFTER));
    }

    /// Whether a process wrote this of a connection in the last storm or calm.
    pub fn logged(&self, connection: &str, what: &str) -> bool {
        self.processes.iter().any(|process| process.logged(connection, what))
    }

    /// New consents for connections whose grant is gone. All processes must serve.
    pub async fn reconnect(&self, dead: &[usize]) {
        if dead.is_empty() {
            return;
        }
        self.issuer.settings().id_tokens = true;
        let shares = dead.chunks(dead.len().div_ceil(BROWSERS));
        join_all(shares.map(async |share| {
            let person = signed_in(&self.world).await;
            for connection in share {
                let path = format!("/connect/{APP}?connection={}", self.callers.connections[*connection]);
                let callback = person.consent(&path, &subject(*connection)).await;
                let answer = person.get(callback.as_str()).await;
                assert!(answer.status.is_redirection(), "not reconnected: {}", answer.text);
            }
        }))
        .await;
        self.issuer.settings().id_tokens = false;
    }

    fn keep(&mut self) {
        if let Some(folder) = self.folder.take() {
            eprintln!("  kept: {}", folder.keep().display());
        }
    }
}

/// On threads of its own: a thousand callers must not keep it from answering.
async fn start_issuer(settings: issuer::Settings) -> issuer::Issuer {
    static THREADS: LazyLock<Runtime> = LazyLock::new(|| {
        let threads = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        threads.expect("threads")
    });
    let started = THREADS.spawn(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        issuer::start(listener, settings, Clock::System).await
    });
    started.await.expect("an issuer")
}

async fn signed_in(world: &World) -> Person<'_> {
    let person = Person::new(world);
    person.sign_in(EDITOR).await;
    person
}

async fn connect(world: &World, count: usize) -> Vec<String> {
    let all: Vec<usize> = (0..count).collect();
    let shares = all.chunks(count.div_ceil(BROWSERS));
    let made = join_all(shares.map(async |share| {
        let person = signed_in(world).await;
        let mut made = Vec::new();
        for connection in share {
            made.push(person.connect_as(APP, &subject(*connection)).await);
        }
        made
    }));
    made.await.concat()
}

async fn api_key(config: &Path) -> String {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_attache"));
    command.args(["key", "create", "--caller", "torture", "--app", APP, "--config"]).arg(config);
    let output = command.output().await.expect("attache key create");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a key").trim().to_owned()
}

fn issuer_settings(public_url: &str, leeway: i64, connections: usize) -> issuer::Settings {
    let callback = |path: &str| format!("{public_url}/{path}/callback");
    let person = |number| Somebody::new(&subject(number), "Somebody", "somebody@sandbox.test");
    let mut people = Somebody::demo();
    people.extend((0..connections).map(person));
    issuer::Settings {
        clients: vec![
            issuer::Client::new("attache", "sign-in-s3cret", &callback("sign-in")),
            issuer::Client::new(APP, "app-s3cret", &callback(&format!("connect/{APP}"))),
        ],
        people,
        access_lifetime: LIFETIME,
        leeway,
        ..issuer::Settings::default()
    }
}

fn configuration(public_url: &str, database: &str, issuer: &issuer::Issuer, leeway: i64) -> String {
    format!(
        r#"public_url = "{public_url}"
[limits]
requests_at_once = 4096
key_per_second = 0
failures_per_minute = 0
sign_ins_per_minute = 0
connects_per_minute = 0
connections_per_address = 0
[database]
url = "{database}"
[vault]
master_key = "{MASTER_KEY}"
[outbound]
allow_origins = ["{issuer}"]
[log]
level = "warn"
[sign_in]
issuer = "sandbox"
client_id = "attache"
client_secret = "sign-in-s3cret"
[issuers.sandbox]
name = "Sandbox"
issuer = "{issuer}"
profile = "auth0"
leeway_seconds = {leeway}
[apps.{APP}]
name = "Writer"
issuer = "sandbox"
client_id = "{APP}"
client_secret = "app-s3cret"
identity = "any"
scopes = ["openid", "offline_access", "content:write"]
"#,
        issuer = issuer.url(),
    )
}
