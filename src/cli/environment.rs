//! `attache environment …`: lists environments, shows one, opens one to requests without a token.

use attache::operator::Command;
use clap::{Args, Subcommand};

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::operate::operate;

#[derive(Debug, Subcommand)]
pub enum Environment {
    /// List environments: key, project/environment, strategy, roles, whether public, content API
    List(ConfigFile),
    /// Show one: addresses, who may reach it, roles, what is public
    Show(Show),
    /// Let requests without a token read what is published; nothing is public before
    PublicDefaults(PublicDefaults),
}

#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    file: ConfigFile,
    /// The environment's key in the configuration file
    key: String,
}

#[derive(Debug, Args)]
pub struct PublicDefaults {
    #[command(flatten)]
    file: ConfigFile,
    /// The environment's key in the configuration file
    key: String,
    /// Take it back
    #[arg(long)]
    off: bool,
}

pub async fn run(command: Environment) -> Result<(), Failure> {
    match command {
        Environment::List(file) => operate(&file, Command::ListEnvironments).await,
        Environment::Show(show) => operate(&show.file, Command::ShowEnvironment { key: show.key }).await,
        Environment::PublicDefaults(said) => {
            let command = Command::SetPublicDefaults { key: said.key, open: !said.off };
            operate(&said.file, command).await
        }
    }
}
