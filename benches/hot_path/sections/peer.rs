//! What mints the same kind of token elsewhere, beside ours in the same run: npm's oidc-provider, from the journeys' packages.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use super::{Stage, settle};
use crate::fault::{Fault, refuse};
use crate::jobs::mint::Mint;
use crate::load::Job;
use crate::load::closed::{Shape, drive};
use crate::numbers::Series;
use crate::process::Watched;
use crate::report::{Report, number, spread};
use crate::seed::{Caller, Seed};

const CLIENTS: usize = 64;

/// The other issuer, in a process of its own.
struct Peer {
    child: Child,
    address: SocketAddr,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    fn start(folder: &Path) -> Result<Self, Fault> {
        let mut node = Command::new("node");
        node.arg("minting_provider.mjs").current_dir(folder).stdin(Stdio::null());
        let mut child = node.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        if let Some(told) = child.stdout.take() {
            BufReader::new(told).read_line(&mut line)?;
        }
        match line.trim().parse() {
            Ok(port) => Ok(Self { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) }),
            Err(_) => refuse("the other issuer does not start; run `npm ci` in tests/journeys"),
        }
    }
}

pub fn run(stage: &Stage<'_>, seed: &Seed, report: &mut Report) -> Result<(), Fault> {
    let arguments = stage.arguments;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journeys");
    if !arguments.wants("peer") {
        return Ok(());
    }
    let heading = format!("Minting, {}, beside oidc-provider", seed.place.name());
    if !folder.join("node_modules/oidc-provider").exists() {
        report.heading(&heading);
        report.text("Not measured: `npm ci` in tests/journeys brings oidc-provider.\n");
        return Ok(());
    }
    let (broker, peer) = (stage.serve(seed)?, Peer::start(&folder)?);
    let theirs = Caller { id: "bench".to_owned(), key: "s3cret".to_owned() };
    let ours: Arc<dyn Job> = Arc::new(Mint::new(&seed.callers));
    let theirs: Arc<dyn Job> = Arc::new(Mint::elsewhere(&theirs));
    let mut rows = Vec::new();
    let of_ours = stage.watch(seed, broker.pid());
    let of_theirs = Watched { server: peer.child.id(), database: None };
    for (name, job, address, watched) in
        [("Attaché", ours, broker.address, of_ours), ("oidc-provider", theirs, peer.address, of_theirs)]
    {
        let (mut rate, mut cpu) = (Series::default(), Series::default());
        for _ in 0..arguments.rounds() {
            settle(watched);
            let (warm_up, window) = (arguments.warm_up(), arguments.window());
            let measured = drive(&job, Shape { address, clients: CLIENTS, warm_up, window }, watched)?;
            if measured.wrong > 0 {
                return refuse(format!("{name}: {}", measured.complaint.unwrap_or_default()));
            }
            let (server, database) = measured.cpu_each();
            rate.push(measured.rate());
            cpu.push(server + database);
        }
        rows.push([name.to_owned(), spread(&rate, number), spread(&cpu, number)]);
    }
    report.heading(&heading);
    report.table(["who mints EdDSA tokens by client credentials", "a second", "CPU µs for each"], &rows);
    broker.stop()
}
