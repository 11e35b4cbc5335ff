//! `attache key …`: makes API keys of callers, lists and revokes them.

use attache::operator::Command;
use clap::{Args, Subcommand};

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::operate::operate;

#[derive(Debug, Subcommand)]
pub enum Key {
    /// Make a key; it is printed once, alone on standard output
    Create(Create),
    /// List keys: id, caller id, caller, apps, when made, whether live
    List(ConfigFile),
    /// Revoke a key, at once
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    file: ConfigFile,
    /// The function or backend; made when it is new
    #[arg(long)]
    caller: String,
    /// Key of an app it may use; may be given several times
    #[arg(long = "app")]
    apps: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Revoke {
    #[command(flatten)]
    file: ConfigFile,
    /// The key's id, as `attache key list` shows it
    id: String,
}

pub async fn run(command: Key) -> Result<(), Failure> {
    match command {
        Key::Create(create) => {
            let command = Command::CreateKey { caller: create.caller, apps: create.apps };
            operate(&create.file, command).await
        }
        Key::List(file) => operate(&file, Command::ListKeys).await,
        Key::Revoke(revoke) => operate(&revoke.file, Command::RevokeKey { id: revoke.id }).await,
    }
}
