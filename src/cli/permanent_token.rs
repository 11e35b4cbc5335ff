//! `attache permanent-token …`: makes tokens of nobody in particular for one environment, lists and revokes them.

use attache::clock::Timestamp;
use attache::operator::Command;
use attache::permanent_token::create::Wanted;
use clap::{Args, Subcommand};

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::operate::operate;
use super::permissions;

#[derive(Debug, Subcommand)]
pub enum PermanentToken {
    /// Make one; it is printed once, alone on standard output
    Create(Create),
    /// List them: id, environment, name, when made, last use, whether live, default stage, permissions
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
    /// What it is for
    #[arg(long)]
    name: String,
    /// A JSON array, such as `[{"actions":["read"],"stages":["PUBLISHED"]}]`, or @FILE that holds one
    #[arg(long, value_name = "JSON", value_parser = permissions::written)]
    permissions: String,
    /// The stage that is meant by a request that names none; the environment's unless it is said
    #[arg(long, value_name = "STAGE")]
    default_stage: Option<String>,
    /// When it runs out (RFC 3339, such as 2027-04-01T12:00:00Z); never unless it is said
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    expires_at: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub struct Revoke {
    #[command(flatten)]
    file: ConfigFile,
    /// Its id, as `attache permanent-token list` shows it
    id: String,
}

pub async fn run(command: PermanentToken) -> Result<(), Failure> {
    match command {
        PermanentToken::Create(Create {
            file,
            environment,
            name,
            permissions,
            default_stage,
            expires_at,
        }) => {
            let wanted = Wanted { environment, name, permissions, default_stage, expires_at };
            operate(&file, Command::CreatePermanentToken(wanted)).await
        }
        PermanentToken::List(file) => operate(&file, Command::ListPermanentTokens).await,
        PermanentToken::Revoke(revoke) => {
            operate(&revoke.file, Command::RevokePermanentToken { id: revoke.id }).await
        }
    }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::from_rfc3339(text).ok_or_else(|| "a moment such as 2027-04-01T12:00:00Z".to_owned())
}
