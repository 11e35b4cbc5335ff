//! The commands. Each file reads its arguments, calls verbs, and prints; only here is anything printed.

/// A line to whoever typed the command. Who has stopped reading (`| head -1`) misses the rest, and the work goes on.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout().lock(), $($words)*);
    }};
}

/// The same, on standard error.
macro_rules! warn_them {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr().lock(), $($words)*);
    }};
}

mod account;
mod app;
mod backup;
mod caller;
mod check;
mod config_file;
mod connection;
#[cfg(feature = "sandbox")]
mod demo;
mod environment;
mod failure;
mod freeze;
mod key;
mod logging;
mod memory;
mod migrate;
mod operate;
mod permanent_token;
mod resource_server;
mod restore;
mod revoke;
mod selection;
mod serve;
mod signing_key;
mod supervisor;
mod template;
mod vault;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::config_file::ConfigFile;
use self::failure::Failure;

/// A self-hosted OAuth2/OIDC third-party connection broker.
#[derive(Debug, Parser)]
#[command(name = "attache", version, about)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything on loopback, with a sandbox issuer and content platform; nothing to configure
    #[cfg(feature = "sandbox")]
    Demo(demo::Demo),
    /// Serve
    Serve(ConfigFile),
    /// Say what is wrong with the configuration or an issuer
    Check(check::Check),
    /// Bring the database up to date
    Migrate(ConfigFile),
    /// Third-party apps
    #[command(subcommand)]
    App(app::App),
    /// Connections
    #[command(subcommand)]
    Connection(connection::Connection),
    /// Stop handing out, at once, by app, person, issuer, caller or connection, until it is lifted; burns no grant
    Freeze(Box<freeze::Freeze>),
    /// Lift a freeze
    Unfreeze(freeze::Unfreeze),
    /// End many connections for good: nothing is handed out from the answer on, and their issuers are told
    Revoke(Box<revoke::Revoke>),
    /// Accounts of people
    #[command(subcommand)]
    Account(account::Account),
    /// Environments of content platforms
    #[command(subcommand)]
    Environment(environment::Environment),
    /// API keys of callers
    #[command(subcommand)]
    Key(key::Key),
    /// Keys that sign content tokens
    #[command(subcommand)]
    SigningKey(signing_key::SigningKey),
    /// Content APIs that ask about their environment's tokens
    #[command(subcommand)]
    ResourceServer(resource_server::ResourceServer),
    /// What callers may do by themselves, for nobody
    #[command(subcommand)]
    Caller(caller::Caller),
    /// Permanent tokens: bearers of nobody in particular, each for one environment
    #[command(subcommand)]
    PermanentToken(permanent_token::PermanentToken),
    /// Templates: the claims of tokens that are signed here
    #[command(subcommand)]
    Template(template::Template),
    /// Copy a SQLite database while it is being used
    Backup(backup::Backup),
    /// Restored copies of the database
    #[command(subcommand)]
    Restore(restore::Restore),
    /// The vault: its master key, and what is sealed
    #[command(subcommand)]
    Vault(vault::Vault),
}

pub fn run(command_line: CommandLine) -> ExitCode {
    // Every command but two reads the configuration, and with it the master key.
    memory::keep_to_ourselves();
    let outcome = match command_line.command {
        // Needs neither configuration nor runtime.
        Command::Vault(vault::Vault::NewKey { out }) => vault::new_key(out.as_deref()),
        other => runtime().and_then(|runtime| runtime.block_on(dispatch(other))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Config(faults)) => {
            for fault in faults {
                warn_them!("{fault}");
            }
            ExitCode::from(2)
        }
        Err(Failure::Sentence(sentence)) => {
            warn_them!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

async fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        #[cfg(feature = "sandbox")]
        Command::Demo(demo) => demo::run(demo).await,
        Command::Serve(file) => serve::run(&file).await,
        Command::Check(check) => check::run(&check).await,
        Command::Migrate(file) => migrate::run(&file).await,
        Command::App(command) => app::run(command).await,
        Command::Connection(command) => connection::run(command).await,
        Command::Freeze(command) => freeze::freeze(*command).await,
        Command::Unfreeze(command) => freeze::unfreeze(command).await,
        Command::Revoke(command) => revoke::run(*command).await,
        Command::Account(command) => account::run(command).await,
        Command::Environment(command) => environment::run(command).await,
        Command::Key(command) => key::run(command).await,
        Command::SigningKey(command) => signing_key::run(command).await,
        Command::ResourceServer(command) => resource_server::run(command).await,
        Command::Caller(command) => caller::run(command).await,
        Command::PermanentToken(command) => permanent_token::run(command).await,
        Command::Template(command) => template::run(command).await,
        Command::Vault(command) => vault::run(command).await,
        Command::Backup(backup) => backup::run(backup).await,
        Command::Restore(command) => restore::run(command).await,
    }
}
