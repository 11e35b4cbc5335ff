//! `attache resource-server …`: makes credentials for content APIs that ask about their environment's tokens, lists and
//! revokes them.

use attache::operator::Command;
use attache::resource_server::create::ToProtect;
use clap::{Args, Subcommand};

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::operate::operate;

#[derive(Debug, Subcommand)]
pub enum ResourceServer {
    /// Make a credential for an environment, or for pages of an origin; its secret is printed once, alone on standard output
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
    /// Key of the environment in the configuration, whose content tokens it asks about
    #[arg(long, value_name = "KEY", required_unless_present = "origin")]
    environment: Option<String>,
    /// One of `session_tokens.allowed_origins`, of whose pages it is shown session tokens
    #[arg(long, value_name = "ORIGIN", conflicts_with = "environment")]
    origin: Option<String>,
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
            let origin = create.origin.map(ToProtect::Origin);
            let Some(wanted) = create.environment.map(ToProtect::Environment).or(origin) else {
                return Err(Failure::Sentence("Name an environment or an origin.".to_owned()));
            };
            operate(&create.file, Command::CreateResourceServer { wanted }).await
        }
        ResourceServer::List(file) => operate(&file, Command::ListResourceServers).await,
        ResourceServer::Revoke(revoke) => {
            operate(&revoke.file, Command::RevokeResourceServer { id: revoke.id }).await
        }
    }
}
