//! `[database]`: where the database is, and where this process keeps what must outlive it.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::db::sqlite_path;
use crate::secret::Token;

/// `[database]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `sqlite://path` (one process) or `postgres://…` (many). May hold a password.
    pub url: Token,
    /// Connections for reading that are kept open at the most: 4 on SQLite, 10 on PostgreSQL when nothing is said.
    pub connections: Option<u32>,
    /// Megabytes of rows, sealed as they are stored, that are held in memory on SQLite.
    #[serde(default = "default_memory")]
    pub memory_megabytes: u64,
    /// Where refreshed grants go that the database would not take; in the state directory when nothing is said.
    pub rescue_journal: Option<PathBuf>,
    /// Where this process keeps what must outlive it.
    pub state_directory: Option<PathBuf>,
}

/// Where it is on PostgreSQL when nobody says anything, by custom.
const STATE_DIRECTORY: &str = "/var/lib/attache";

impl Database {
    /// What was said, or what systemd says (`StateDirectory=`), or beside a SQLite database, which must be written anyway.
    #[must_use]
    pub fn state_directory(&self) -> PathBuf {
        if let Some(said) = &self.state_directory {
            return said.clone();
        }
        if let Some(file) = sqlite_path(&self.url) {
            return file.parent().map(Path::to_path_buf).unwrap_or_default();
        }
        let by_systemd =
            std::env::var_os("STATE_DIRECTORY").and_then(|all| std::env::split_paths(&all).next());
        by_systemd.unwrap_or_else(|| PathBuf::from(STATE_DIRECTORY))
    }

    /// The file of the rescue journal.
    #[must_use]
    pub fn rescue_journal(&self) -> PathBuf {
        self.rescue_journal.clone().unwrap_or_else(|| {
            let name = sqlite_path(&self.url).and_then(|file| file.file_stem().map(PathBuf::from));
            self.state_directory()
                .join(name.unwrap_or_else(|| PathBuf::from("attache")).with_extension("rescue"))
        })
    }
}

const fn default_memory() -> u64 {
    24
}
