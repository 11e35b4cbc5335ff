//! A PostgreSQL server of a promise's own, which can be copied, promoted, configured and stopped; and a relay before it
//! that falls silent or leads elsewhere. Thrown away with the promise.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub const PASSWORD: &str = "p@ss/w#rd%";
/// The same, as a URL has it.
pub const ENCODED: &str = "p%40ss%2Fw%23rd%25";

pub struct Server {
    pub folder: TempDir,
    pub port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that is gone already has stopped too.
        let _ = self.control("stop").args(["--mode", "immediate"]).status();
    }
}

impl Server {
    pub fn start(settings: &[&str]) -> Self {
        let server = Self { folder: folder(), port: free_port() };
        let secret = server.folder.path().join("password");
        fs::write(&secret, PASSWORD).expect("a file");
        give_away(server.folder.path());
        let mut initdb = program("initdb");
        initdb.arg("--pgdata").arg(server.data()).arg("--pwfile").arg(secret);
        initdb.args(["--username", "attache", "--auth", "scram-sha-256", "--encoding", "UTF8"]);
        run(initdb.args(["--no-locale", "--no-sync"]));
        server.begin(settings);
        server
    }

    /// A standby that follows.
    pub fn standby(&self) -> Self {
        let standby = Self { folder: folder(), port: free_port() };
        give_away(standby.folder.path());
        let mut copy = program("pg_basebackup");
        copy.arg("--pgdata").arg(standby.data()).args(["--write-recovery-conf", "--checkpoint", "fast"]);
        run(copy.args(["--no-sync", "--dbname", &self.url("postgres")]));
        standby.begin(&[]);
        standby
    }

    fn begin(&self, settings: &[&str]) {
        let sockets = format!("unix_socket_directories={}", self.folder.path().display());
        let port = format!("port={}", self.port);
        let own = ["listen_addresses=127.0.0.1", &port, &sockets, "fsync=off", "max_connections=60"];
        let options: Vec<String> =
            own.iter().chain(settings).map(|setting| format!("-c {setting}")).collect();
        run(self.control("start").arg("--options").arg(options.join(" ")));
    }

    pub fn promote(&self) {
        run(&mut self.control("promote"));
    }

    pub async fn sql(&self, database: &str, statement: &str) {
        let mut connection = PgConnection::connect(&self.url(database)).await.expect("the server answers");
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        connection.execute(sqlx::raw_sql(statement)).await.expect("a statement that is taken");
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://attache:{ENCODED}@127.0.0.1:{}/{database}", self.port)
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn control(&self, what: &str) -> Command {
        let mut control = program("pg_ctl");
        let log = self.folder.path().join("log");
        control.arg(what).arg("--pgdata").arg(self.data()).arg("--log").arg(log).args(["--wait", "--silent"]);
        control
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Below those that are given to whoever connects somewhere (32768 and up on Linux), and each once: a port of those may be
/// taken before the server is there.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(97);
    for _ in 0..10_000 {
        let next = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let port = 20_000 + u16::try_from(next).expect("below 12,000");
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// initdb and postgres refuse root.
fn owner() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("postgres")
}

/// To whoever runs the server.
pub fn give_away(path: &Path) {
    if let Some(owner) = owner() {
        run(Command::new("chown").args(["-R", &format!("{owner}:")]).arg(path));
    }
}

/// As whoever runs the server, from a folder that is everybody's.
pub fn as_owner(path: &Path) -> Command {
    let mut command = match owner() {
        None => Command::new(path),
        Some(owner) => {
            // It becomes the program, so that what ends it ends the program.
            let mut command = Command::new("setpriv");
            command.args(["--reuid", owner, "--regid", owner, "--init-groups", "--"]).arg(path);
            command
        }
    };
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn program(name: &str) -> Command {
    let folders = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number =
        |path: &Path| path.file_name().and_then(OsStr::to_str).and_then(|name| name.parse::<u32>().ok());
    let newest = folders.filter_map(|entry| Some((number(&entry.path())?, entry.path()))).max();
    let (_, newest) = newest.expect("PostgreSQL is installed; on Debian it is the package postgresql");
    as_owner(&newest.join("bin").join(name))
}

pub fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?} ended with {status}");
}

/// Leads every connection to a server, as a load balancer does.
#[derive(Clone)]
pub struct Relay {
    pub port: u16,
    to: Arc<Mutex<SocketAddr>>,
    /// Each change of it cuts off or silences what there is.
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Of the so-manieth life.
    Leads(u32),
    Silent(u32),
}

impl Relay {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let relay =
            Self { port, to: Arc::new(Mutex::new(server)), state: watch::Sender::new(State::Leads(0)) };
        let accepting = relay.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(accepting.clone().lead(client));
            }
        });
        relay
    }

    /// What is connected stays so, and hears nothing any more, for ever.
    async fn lead(self, mut client: TcpStream) {
        let mut state = self.state.subscribe();
        let begun = *state.borrow_and_update();
        let to = *self.to.lock().expect("a lock");
        if let State::Leads(_) = begun {
            let Ok(mut server) = TcpStream::connect(to).await else { return };
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut client, &mut server) => return,
                _ = state.changed() => {}
            }
            if let State::Leads(_) = *state.borrow() {
                return;
            }
            // The server must not hear that we are gone either.
            std::future::pending::<()>().await;
        }
        std::future::pending::<()>().await;
    }

    /// Whatever is connected, and whoever connects, hears nothing.
    pub fn fall_silent(&self) {
        self.state.send_modify(|state| *state = State::Silent(state.next()));
    }

    /// Whoever connects from now on is led to a server again; what fell silent stays so.
    pub fn speak(&self) {
        self.state.send_modify(|state| *state = State::Leads(state.next()));
    }

    /// Cuts off what is connected; the next ones come to another server.
    pub fn lead_to(&self, server: SocketAddr) {
        *self.to.lock().expect("a lock") = server;
        self.speak();
    }
}

impl State {
    const fn next(self) -> u32 {
        match self {
            Self::Leads(life) | Self::Silent(life) => life + 1,
        }
    }
}
