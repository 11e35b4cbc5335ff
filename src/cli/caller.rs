//! `attache caller …`: what callers may do by themselves, for nobody.

use attache::operator::Command;
use clap::{Args, Subcommand};

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::operate::operate;
use super::permissions;

#[derive(Debug, Subcommand)]
pub enum Caller {
    /// Let a caller get tokens of its own for an environment, with these permissions in place of those before
    Permit(Permit),
    /// Take that back, at once
    Forbid(Forbid),
    /// List who may: caller id, caller, environment, since when, permissions
    List(ConfigFile),
}

#[derive(Debug, Args)]
pub struct Permit {
    #[command(flatten)]
    file: ConfigFile,
    /// The caller's id or name, as `attache key list` shows it
    caller: String,
    /// Key of the environment in the configuration
    #[arg(long, value_name = "KEY")]
    environment: String,
    /// A JSON array, such as `[{"actions":["read"],"stages":["PUBLISHED"]}]`, or @FILE that holds one
    #[arg(long, value_name = "JSON", value_parser = permissions::written)]
    permissions: String,
}

#[derive(Debug, Args)]
pub struct Forbid {
    #[command(flatten)]
    file: ConfigFile,
    /// The caller's id or name
    caller: String,
    /// Key of the environment in the configuration
    #[arg(long, value_name = "KEY")]
    environment: String,
}

pub async fn run(command: Caller) -> Result<(), Failure> {
    match command {
        Caller::Permit(Permit { file, caller, environment, permissions }) => {
            operate(&file, Command::PermitCaller { caller, environment, permissions }).await
        }
        Caller::Forbid(Forbid { file, caller, environment }) => {
            operate(&file, Command::ForbidCaller { caller, environment }).await
        }
        Caller::List(file) => operate(&file, Command::ListPermittedCallers).await,
    }
}
