//! A private PostgreSQL server, durable as a sane one is, thrown away with the run: its backends can be killed and it
//! can be restarted at once, as after a crash.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use attache::secret::random_text;
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;

use crate::stage::local_address;

const PORT: u16 = 5432;

pub struct Postgres {
    bin: PathBuf,
    data: PathBuf,
    /// Who runs it: initdb and postgres refuse root.
    owner: Option<&'static str>,
    password: String,
    address: String,
    _folder: TempDir,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = self.control("stop");
        // One that is gone already has stopped too.
        let _ = stop.args(["--mode", "immediate"]).status();
    }
}

impl Postgres {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let owner = rustix::process::geteuid().is_root().then_some("postgres");
        let password = random_text::<24>();
        let secret = folder.path().join("password");
        fs::write(&secret, &password).expect("a file");
        if let Some(owner) = owner {
            run(Command::new("chown").args(["-R", &format!("{owner}:")]).arg(folder.path()));
        }
        let server = Self {
            bin: newest_bin(),
            data: folder.path().join("data"),
            owner,
            password,
            address: local_address(9),
            _folder: folder,
        };
        let mut initdb = server.command("initdb");
        initdb.arg("--pgdata").arg(&server.data).arg("--pwfile").arg(secret);
        initdb.args(["--username", "attache", "--auth", "scram-sha-256", "--encoding", "UTF8"]);
        run(initdb.args(["--no-locale", "--no-sync"]));
        let sockets = server.data.parent().expect("a folder").display().to_string();
        let own = [
            format!("listen_addresses={}", server.address),
            format!("port={PORT}"),
            format!("unix_socket_directories={sockets}"),
            "max_connections=100".to_owned(),
        ];
        let options: Vec<String> = own.iter().map(|setting| format!("-c {setting}")).collect();
        run(server.control("start").arg("--options").arg(options.join(" ")));
        server
    }

    /// A new, empty database; its URL.
    pub async fn create(&self, name: &str) -> String {
        let mut connection = self.connect("postgres").await.expect("the server answers");
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        connection.execute(create).await.expect("a new database");
        self.url(name)
    }

    /// About half of the processes that serve us end in the middle of whatever they do.
    pub async fn kill_backends(&self) {
        let kill = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
            WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND random() < 0.5";
        // While the server restarts there is nobody to kill.
        if let Ok(mut connection) = self.connect("postgres").await {
            let _ = connection.execute(kill).await;
        }
    }

    /// Every process of the server is killed, and what was committed is recovered from its log.
    pub async fn restart_at_once(&self) {
        let mut restart = self.control("restart");
        restart.args(["--mode", "immediate"]);
        let restarted = tokio::task::spawn_blocking(move || restart.status()).await;
        let status = restarted.expect("a thread").expect("pg_ctl");
        assert!(status.success(), "PostgreSQL did not come back");
    }

    async fn connect(&self, database: &str) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect(&self.url(database)).await
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://attache:{}@{}:{PORT}/{database}", self.password, self.address)
    }

    fn control(&self, what: &str) -> Command {
        let mut control = self.command("pg_ctl");
        let log = self.data.parent().expect("a folder").join("log");
        control.arg(what).arg("--pgdata").arg(&self.data).arg("--log").arg(log).args(["--wait", "--silent"]);
        control
    }

    /// As the owner, from a folder that is everybody's.
    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = match self.owner {
            None => Command::new(program),
            Some(owner) => {
                let mut command = Command::new("runuser");
                command.args(["-u", owner, "--"]).arg(program);
                command
            }
        };
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?} ended with {status}");
}

fn newest_bin() -> PathBuf {
    let folders = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number =
        |path: &Path| path.file_name().and_then(OsStr::to_str).and_then(|name| name.parse::<u32>().ok());
    let newest = folders.filter_map(|entry| Some((number(&entry.path())?, entry.path()))).max();
    let bin = newest.map(|(_, path)| path.join("bin")).filter(|bin| bin.join("initdb").exists());
    bin.expect("PostgreSQL is installed; on Debian it is the package postgresql")
}
