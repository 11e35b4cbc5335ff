//! `attache backup FILE`: a copy of a SQLite database while it is being used.

use std::path::PathBuf;

use attache::operator::Command;
use clap::Args;

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::operate::operate_in_steps;

#[derive(Debug, Args)]
pub struct Backup {
    #[command(flatten)]
    file: ConfigFile,
    /// The copy, which must not be there yet
    to: PathBuf,
}

pub async fn run(backup: Backup) -> Result<(), Failure> {
    // The server may run in another directory.
    let to = std::path::absolute(&backup.to)?;
    let first = Command::Backup { file: to.clone(), begun: false };
    let again = |_: &str| Ok(Command::Backup { file: to.clone(), begun: true });
    operate_in_steps(&backup.file, first, again).await.map(drop)
}
