//! What may be said behind `cargo test --features torture --test torture --`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

#[derive(Debug, Parser)]
#[command(name = "torture", about = "Kills, lost answers and full disks against \"never lose a grant\"")]
pub struct Arguments {
    /// Kills in all, shared by the trials
    #[arg(long, default_value_t = 48)]
    pub kills: u64,
    /// Kills and nothing else
    #[arg(long)]
    pub kills_only: bool,
    /// Connections of each trial
    #[arg(long, default_value_t = 100)]
    pub connections: usize,
    /// One database only
    #[arg(long)]
    database: Option<Database>,
    /// Seconds for which an issuer with an overlap takes a spent refresh token once more
    #[arg(long, default_value_t = 30)]
    leeway: i64,
    /// One kind of issuer only
    #[arg(long)]
    issuer: Option<Issuer>,
    /// What the adversary's choices come from; the machine's own pace is chance enough to make no two runs the same
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Keep the folders of the trials, with the processes' logs
    #[arg(long)]
    pub keep: bool,
    /// A file to which the table is written too
    #[arg(long)]
    pub out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Database {
    /// One process, killed and started again
    Sqlite,
    /// Three replicas
    Postgres,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Issuer {
    /// Takes a spent refresh token once more for a while
    Overlap,
    /// Ends the grant when a spent refresh token is shown
    Strict,
}

impl Database {
    pub const fn processes(self) -> usize {
        match self {
            Self::Sqlite => 1,
            Self::Postgres => 3,
        }
    }
}

impl Arguments {
    /// Seconds for which a spent refresh token is still good.
    pub const fn leeway_of(&self, issuer: Issuer) -> i64 {
        match issuer {
            Issuer::Overlap => self.leeway,
            Issuer::Strict => 0,
        }
    }

    pub fn trials(&self) -> Vec<(Database, Issuer)> {
        let databases = [Database::Sqlite, Database::Postgres].into_iter();
        let databases = databases.filter(|one| self.database.is_none_or(|only| only == *one));
        let of = |database| [Issuer::Overlap, Issuer::Strict].map(|issuer| (database, issuer));
        let all = databases.flat_map(of);
        all.filter(|(_, one)| self.issuer.is_none_or(|only| only == *one)).collect()
    }
}
