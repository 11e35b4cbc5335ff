//! The server that is measured: the release binary with a configuration file, started and stopped as an operator
//! would. Whatever `ATTACHE_…` the bench was started with wins over the file.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::database::Place;
use crate::fault::{Fault, refuse};
use crate::issuer;

/// The bench's own; its databases hold nothing that is anybody's.
pub const MASTER_KEY: &str = "YXR0YWNoZSBiZW5jaGVzIG1hc3RlciBrZXkgMTIzNDU=";
pub const PROJECT: &str = "bench";
/// (project, environment) pairs, so that one connection can be given several content tokens.
pub const ENVIRONMENTS: [&str; 4] = ["master", "staging", "preview", "archive"];
/// Apps that the connections are spread over.
pub const APPS: usize = 8;
/// An app of which few connections are, to find a place deep in the list of the person who owns them.
pub const MARKER: &str = "marker";
pub const SCOPES: &str = "openid profile email offline_access content:write";

pub fn app_key(index: usize) -> String {
    format!("app-{}", index % APPS)
}

pub fn client_id(app_key: &str) -> String {
    format!("client-of-{app_key}")
}

pub struct Broker {
    child: Child,
    pub address: SocketAddr,
    pub machine_room: SocketAddr,
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Ended already, when it was stopped in order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A configuration file with ports of its own.
pub struct Configured {
    pub file: PathBuf,
    pub address: SocketAddr,
    pub machine_room: SocketAddr,
}

/// Writes the file that a server on this database is started with. `sign_in` is the issuer where people sign in.
pub fn configure(place: &Place, sign_in: &str) -> Result<Configured, Fault> {
    let (address, machine_room) = (local(free_port()?), local(free_port()?));
    let file = place.folder.join("attache.toml");
    fs::create_dir_all(&place.folder)?;
    fs::write(&file, text(place, sign_in, address, machine_room))?;
    Ok(Configured { file, address, machine_room })
}

fn text(place: &Place, sign_in: &str, address: SocketAddr, machine_room: SocketAddr) -> String {
    let issuer = issuer::IDENTIFIER;
    let mut text = format!(
        r#"public_url = "http://{address}"
[listen]
address = "{address}"
machine_room = "{machine_room}"
[limits]
connections_per_address = 0
session_tokens_per_minute = 0
[database]
url = "{url}"
[vault]
master_key = "{MASTER_KEY}"
[outbound]
allow_origins = ["{issuer}", "{sign_in}"]
[log]
level = "error"
[sign_in]
issuer = "sandbox"
client_id = "attache"
client_secret = "sign-in-s3cret"
[issuers.sandbox]
name = "Sandbox"
issuer = "{sign_in}"
[issuers.bench]
name = "Bench"
issuer = "{issuer}"
"#,
        url = place.url,
    );
    for key in (0..APPS).map(app_key).chain([MARKER.to_owned()]) {
        let _ = write!(
            text,
            r#"[apps.{key}]
name = "The {key} of the bench"
description = "Creates content entries from workflows"
issuer = "bench"
client_id = "{client_id}"
client_secret = "app-s3cret"
identity = "any"
scopes = [{scopes}]
accepted_audiences = ["{audience}"]
"#,
            client_id = client_id(&key),
            scopes = SCOPES.split(' ').map(|scope| format!("\"{scope}\"")).collect::<Vec<_>>().join(", "),
            audience = issuer::AUDIENCE,
        );
    }
    for environment in ENVIRONMENTS {
        let _ = write!(
            text,
            r#"[environments.{environment}]
project = "{PROJECT}"
environment = "{environment}"
content_api_url = "https://content.bench.test/{PROJECT}/{environment}"
apps = "any"
accounts = "any"
lifetime_seconds = 86400
"#
        );
    }
    text
}

impl Broker {
    /// Starts and waits until it is healthy.
    pub fn start(configured: &Configured) -> Result<Self, Fault> {
        let mut broker = Self::spawn(configured)?;
        let deadline = Instant::now() + Duration::from_mins(2);
        while !healthy(broker.machine_room) {
            if let Some(status) = broker.child.try_wait()? {
                return refuse(format!("attache serve ended with {status}; see the lines above"));
            }
            if Instant::now() > deadline {
                return refuse("attache serve does not answer /healthz after two minutes");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(broker)
    }

    /// Starts and waits for nothing.
    pub fn spawn(configured: &Configured) -> Result<Self, Fault> {
        let mut serve = attache();
        serve.arg("serve").arg("--config").arg(&configured.file).stdin(Stdio::null()).stdout(Stdio::null());
        let child = serve.spawn()?;
        Ok(Self { child, address: configured.address, machine_room: configured.machine_room })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM, and whatever time the drain takes.
    pub fn stop(mut self) -> Result<(), Fault> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM)?;
        }
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { refuse(format!("attache serve ended with {status}")) }
    }
}

/// The release binary, which cargo builds beside the bench.
pub fn attache() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_attache"));
    command.env_remove("ATTACHE_CONFIG").env_remove("ATTACHE_BIN");
    command
}

/// A command that prints a secret; the secret.
pub fn secret_of(arguments: &[&str], configured: &Configured) -> Result<String, Fault> {
    let output = attache().args(arguments).arg("--config").arg(&configured.file).output()?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return refuse(format!("attache {} failed: {}", arguments.join(" "), complaint.trim()));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn healthy(machine_room: SocketAddr) -> bool {
    use std::io::Read as _;
    let Ok(mut stream) = TcpStream::connect(machine_room) else { return false };
    let mut answer = [0; 15];
    let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: bench\r\n\r\n");
    asked.is_ok() && stream.read_exact(&mut answer).is_ok() && &answer == b"HTTP/1.1 200 OK"
}

pub const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// Free now; whoever takes it first has it.
pub fn free_port() -> Result<u16, Fault> {
    Ok(TcpListener::bind(local(0))?.local_addr()?.port())
}
