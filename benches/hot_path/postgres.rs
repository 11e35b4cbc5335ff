//! A PostgreSQL server of the bench's own, durable as a sane one is, on a free port. Its data stay between runs; it
//! is stopped with the bench.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use attache::secret::random_text;

use crate::fault::{Fault, refuse};

const SETTINGS: [&str; 8] = [
    "fsync=on",
    "synchronous_commit=on",
    "shared_buffers=256MB",
    "max_wal_size=4GB",
    "checkpoint_timeout=15min",
    "max_connections=100",
    "listen_addresses=127.0.0.1",
    "log_min_messages=warning",
];

pub struct Postgres {
    bin: PathBuf,
    data: PathBuf,
    /// Who runs it: initdb and postgres refuse root.
    owner: Option<&'static str>,
    password: String,
    port: u16,
    pub version: String,
    /// The head of its processes.
    pub pid: u32,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A server that is already gone is stopped too.
        let _ = stop(&self.bin, &self.data, self.owner);
    }
}

impl Postgres {
    /// Starts the server whose data lie in `folder`, made when there are none.
    pub fn start(folder: &Path) -> Result<Self, Fault> {
        let bin = newest_bin()?;
        fs::create_dir_all(folder)?;
        let owner = rustix::process::geteuid().is_root().then_some("postgres");
        let (data, secret) = (folder.join("data"), folder.join("password"));
        if let Some(owner) = owner {
            succeed(Command::new("chown").arg(format!("{owner}:")).arg(folder))?;
        }
        if !data.join("PG_VERSION").exists() {
            let _ = fs::remove_dir_all(&data);
            initialise(&bin, &data, &secret, owner)?;
        }
        let password = fs::read_to_string(&secret)?;
        // One that an interrupted run left behind.
        let _ = stop(&bin, &data, owner);
        let port = crate::broker::free_port()?;
        let log = folder.join("log");
        let sockets = format!("unix_socket_directories={}", folder.display());
        let own = [format!("port={port}"), sockets];
        let settings = SETTINGS.iter().map(|setting| (*setting).to_owned()).chain(own);
        let options = settings.map(|setting| format!("-c {setting}")).collect::<Vec<_>>().join(" ");
        let control = bin.join("pg_ctl");
        let mut start = command(&control, owner);
        start.arg("--pgdata").arg(&data).arg("--log").arg(&log).args([
            "--wait",
            "--silent",
            "start",
            "--options",
        ]);
        succeed(start.arg(options))?;
        let pid_file = fs::read_to_string(data.join("postmaster.pid"))?;
        let pid = pid_file.lines().next().and_then(|line| line.trim().parse().ok());
        let version = succeed(Command::new(bin.join("postgres")).arg("--version"))?;
        let Some(pid) = pid else { return refuse("PostgreSQL does not say its process id") };
        Ok(Self { bin, data, owner, password, port, version, pid })
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://attache:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }
}

fn initialise(bin: &Path, data: &Path, secret: &Path, owner: Option<&str>) -> Result<(), Fault> {
    let password = random_text::<24>();
    fs::write(secret, &password)?;
    fs::set_permissions(secret, fs::Permissions::from_mode(0o600))?;
    if let Some(owner) = owner {
        succeed(Command::new("chown").arg(format!("{owner}:")).arg(secret))?;
    }
    let mut initdb = command(&bin.join("initdb"), owner);
    initdb.arg("--pgdata").arg(data).arg("--pwfile").arg(secret);
    initdb.args(["--username", "attache", "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale"]);
    succeed(&mut initdb).map(drop)
}

fn stop(bin: &Path, data: &Path, owner: Option<&str>) -> Result<String, Fault> {
    let mut stop = command(&bin.join("pg_ctl"), owner);
    succeed(stop.arg("--pgdata").arg(data).args(["--mode", "fast", "--wait", "--silent", "stop"]))
}

/// As the owner, from a folder that is everybody's.
fn command(program: &Path, owner: Option<&str>) -> Command {
    let mut command = match owner {
        None => Command::new(program),
        Some(owner) => {
            let mut command = Command::new("runuser");
            command.args(["-u", owner, "--"]).arg(program);
            command
        }
    };
    command.current_dir("/");
    command
}

fn newest_bin() -> Result<PathBuf, Fault> {
    let folders = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number =
        |path: &Path| path.file_name().and_then(OsStr::to_str).and_then(|name| name.parse::<u32>().ok());
    let newest = folders.filter_map(|entry| Some((number(&entry.path())?, entry.path()))).max();
    let bin = newest.map(|(_, path)| path.join("bin")).filter(|bin| bin.join("initdb").exists());
    bin.ok_or_else(|| {
        "PostgreSQL is missing; on Debian install the package postgresql, or say --database sqlite".into()
    })
}

/// Runs to the end. What it printed, or what it complained of.
fn succeed(command: &mut Command) -> Result<String, Fault> {
    // A server that pg_ctl leaves behind keeps what it inherits: a pipe would never end.
    let keeps_running = command.get_args().any(|argument| argument == "start");
    if keeps_running {
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let status = command.status()?;
        return if status.success() {
            Ok(String::new())
        } else {
            refuse(format!("{command:?} failed: {status}"))
        };
    }
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    refuse(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
