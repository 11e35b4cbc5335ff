//! `attache resource-server …`: makes credentials for content APIs that ask about their environment's tokens, lists and
//! revokes them.

use attache::operator::Command;
use clap::{Args, Subcommand};

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::operate::operate;

#[derive(Debug, Subcommand)]
pub enum ResourceServer {
    /// Make a credential for an environment; its secret is printed once, alone on standard output
    Create(Create),
    /// List them: id, environment, project/environment, when made, last use, whether live
    List(ConfigFile),
    /// Revoke one, at once
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    file: ConfigFile,
    /// Key of the environment in the configuration
    #[arg(long, value_name = "KEY")]
    environment: String,
}

#[derive(Debug, Args)]
pub struct Revoke {
    #[command(flatten)]
    file: ConfigFile,
    /// Its id, as `attache resource-server list` shows it
    id: String,
}

pub async fn run(command: ResourceServer) -> Result<(), Failure> {
    match command {
        ResourceServer::Create(create) => {
            operate(&create.file, Command::CreateResourceServer { environment: create.environment }).await
        }
        ResourceServer::List(file) => operate(&file, Command::ListResourceServers).await,
        ResourceServer::Revoke(revoke) => {
            operate(&revoke.file, Command::RevokeResourceServer { id: revoke.id }).await
        }
    }
}
