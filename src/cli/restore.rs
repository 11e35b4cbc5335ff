//! `attache restore …`: what the operator says of a restored copy of the database.

use attache::operator::Command;
use clap::Subcommand;

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::operate::operate;

#[derive(Debug, Subcommand)]
pub enum Restore {
    /// Say whether the database is an old copy that waits for the operator's word
    Status(ConfigFile),
    /// Say that it is one, where that cannot be seen, such as after a dump was restored
    Mark(ConfigFile),
    /// Say that the copy is to be used: its connections are tried once each, when somebody asks for them
    Done(ConfigFile),
}

pub async fn run(command: Restore) -> Result<(), Failure> {
    match command {
        Restore::Status(file) => operate(&file, Command::RestoreStatus).await,
        Restore::Mark(file) => operate(&file, Command::MarkRestored).await,
        Restore::Done(file) => operate(&file, Command::UseRestored).await,
    }
}
