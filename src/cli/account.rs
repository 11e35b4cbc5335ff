//! `attache account …`: what an operator does for a person.

use attache::operator::Command;
use clap::{Args, Subcommand};

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::operate::operate;
use super::selection::person;

#[derive(Debug, Subcommand)]
pub enum Account {
    /// Delete an account: ends its sessions and connections, tells their issuers, removes what is personal
    Delete(Delete),
}

#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    file: ConfigFile,
    /// An account's id, a subject at the sign-in issuer, or an issuer and a subject
    #[arg(required = true, num_args = 1..=2, value_name = "ACCOUNT")]
    who: Vec<String>,
    /// Why; for the ledger
    #[arg(long)]
    reason: String,
}

pub async fn run(command: Account) -> Result<(), Failure> {
    match command {
        Account::Delete(delete) => {
            let command = Command::DeleteAccount { person: person(&delete.who), reason: delete.reason };
            operate(&delete.file, command).await
        }
    }
}
