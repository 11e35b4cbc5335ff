//! The sections of a run, and the stage that they share.

pub mod due;
mod durable;
pub mod hung;
pub mod one_person;
pub mod overload;
pub mod peer;
pub mod rounds;
pub mod signatures;
pub mod slow_clients;
pub mod soak;
pub mod start;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use attache::sandbox;
use tokio::runtime::Runtime;

use crate::arguments::{Arguments, Database};
use crate::broker::{self, Broker};
use crate::browser::{self, Browser, Pages};
use crate::database::Place;
use crate::fault::Fault;
use crate::issuer::Issuer;
use crate::postgres::Postgres;
use crate::process::{Cpu, Watched};
use crate::seed::Seed;

/// Issuers, databases and seeds: what stands while sections come and go.
pub struct Stage<'a> {
    pub arguments: &'a Arguments,
    pub folder: PathBuf,
    pub runtime: Runtime,
    pub issuer: Issuer,
    pub sign_in: sandbox::issuer::Issuer,
    pub seeds: Vec<Seed>,
    postgres: Option<Postgres>,
}

impl<'a> Stage<'a> {
    pub fn set(arguments: &'a Arguments) -> Result<Self, Fault> {
        // Beside the folder that cargo gives to benches.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
        std::fs::create_dir_all(&folder)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let issuer = runtime.block_on(Issuer::start())?;
        let sign_in = runtime.block_on(browser::start_issuer())?;
        let databases = arguments.databases();
        let wants_postgres = databases.contains(&Database::Postgres);
        let postgres = wants_postgres.then(|| Postgres::start(&folder.join("postgres"))).transpose()?;
        let mut seeds = Vec::new();
        for rows in arguments.rows() {
            for kind in &databases {
                let place = place(*kind, rows, &folder, postgres.as_ref());
                seeds.push(runtime.block_on(Seed::prepare(place, sign_in.url()))?);
            }
        }
        Ok(Self { arguments, folder, runtime, issuer, sign_in, seeds, postgres })
    }

    pub fn postgres_version(&self) -> Option<String> {
        self.postgres.as_ref().map(|postgres| postgres.version.clone())
    }

    /// The seed with the most rows, of each database.
    pub fn largest(&self) -> impl Iterator<Item = &Seed> {
        let most = self.seeds.iter().map(|seed| seed.place.rows).max();
        self.seeds.iter().filter(move |seed| Some(seed.place.rows) == most)
    }

    pub fn serve(&self, seed: &Seed) -> Result<Broker, Fault> {
        Broker::start(&broker::configure(&seed.place, self.sign_in.url())?)
    }

    pub fn watch(&self, seed: &Seed, server: u32) -> Watched {
        let database = self.postgres.as_ref().filter(|_| seed.place.kind == Database::Postgres);
        Watched { server, database: database.map(|postgres| postgres.pid) }
    }

    pub fn pages(&self, broker: &Broker) -> Result<Pages, Fault> {
        self.runtime.block_on(async {
            let public_url = format!("http://{}", broker.address);
            Browser::sign_in(&public_url, &self.sign_in).await?.pages().await
        })
    }
}

fn place(kind: Database, rows: u64, folder: &Path, postgres: Option<&Postgres>) -> Place {
    let folder = folder.join(format!("{}-{rows}", kind.name().to_lowercase()));
    let url = match postgres.filter(|_| kind == Database::Postgres) {
        Some(postgres) => postgres.url(&format!("attache_{rows}")),
        None => format!("sqlite://{}", folder.join("attache.db").display()),
    };
    Place { kind, rows, folder, url }
}

/// Waits until a server and its database have nothing left to do of what was asked before.
pub fn settle(watched: Watched) {
    const STEP: Duration = Duration::from_millis(100);
    let deadline = Instant::now() + Duration::from_mins(1);
    while Instant::now() < deadline {
        let before = Cpu::of(watched);
        std::thread::sleep(STEP);
        let used = Cpu::of(watched).since(before);
        if used.server + used.database <= STEP / 10 {
            return;
        }
    }
}
