//! What may be said behind `cargo bench --bench hot_path --`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

#[derive(Debug, Parser)]
#[command(name = "hot_path", about = "What Attaché does against what the machine allows")]
pub struct Arguments {
    /// A smoke test: few rows, few and short rounds
    #[arg(long)]
    pub quick: bool,
    /// Rounds of each job
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds that each job is measured in each round
    #[arg(long)]
    seconds: Option<f64>,
    /// Numbers of connections that the databases hold, such as 1000,1000000
    #[arg(long, value_delimiter = ',')]
    rows: Vec<u64>,
    /// One database only
    #[arg(long)]
    database: Option<Database>,
    /// Jobs and sections whose name holds this; may be given several times
    #[arg(long)]
    only: Vec<String>,
    /// Seconds of the soak under mixed load; none unless asked for
    #[arg(long, default_value_t = 0)]
    pub soak: u64,
    /// A file to which the tables are written too
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Said by cargo
    #[arg(long, hide = true)]
    pub bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

impl Arguments {
    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 2 } else { 5 }).max(1)
    }

    /// How long each job is measured in each round.
    pub fn window(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.unwrap_or(if self.quick { 0.4 } else { 2.0 }).clamp(0.05, 600.0))
    }

    /// Load that is not counted, in front of each window.
    pub fn warm_up(&self) -> Duration {
        self.window() / 5
    }

    /// Ascending.
    pub fn rows(&self) -> Vec<u64> {
        let mut rows = self.rows.clone();
        if rows.is_empty() {
            rows = if self.quick { vec![20_000] } else { vec![1_000, 100_000, 1_000_000] };
        }
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    pub fn databases(&self) -> Vec<Database> {
        self.database.map_or_else(|| vec![Database::Sqlite, Database::Postgres], |one| vec![one])
    }

    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.contains(only.as_str()))
    }
}
