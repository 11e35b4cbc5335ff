//! `attache connection …`: what an operator may want to know of one connection.

use attache::operator::Command;
use clap::{Args, Subcommand};

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::operate::operate;

#[derive(Debug, Subcommand)]
pub enum Connection {
    /// Show how a connection is, and what its issuer was asked and answered
    Show(Show),
}

#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    file: ConfigFile,
    /// The connection's id, `Et…`
    id: String,
}

pub async fn run(command: Connection) -> Result<(), Failure> {
    match command {
        Connection::Show(show) => operate(&show.file, Command::ShowConnection { id: show.id }).await,
    }
}
