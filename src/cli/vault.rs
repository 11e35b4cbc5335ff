//! `attache vault …`: the master key, its rotation, and whether all that is sealed still opens.

use std::time::{Duration, Instant};

use attache::operator::Command;
use attache::operator::vault::Looked;
use attache::vault::MasterKey;
use attache::vault::rotate::Progress;
use clap::Subcommand;
use serde::de::DeserializeOwned;

use super::operate::{operate, operate_in_steps};
use super::{ConfigFile, Failure};

/// How often it is said how far something has come.
const TELL_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Subcommand)]
pub enum Vault {
    /// Print a new master key, for its file
    NewKey,
    /// Show which master key the vault is under, and open everything that is sealed to name what does not open
    Status(ConfigFile),
    /// Have another key seal what belongs to the house: sessions, running sign-ins and consents, signing keys
    RotateHouse(ConfigFile),
    /// Have another key sign content tokens; it is published before it signs, and the old one for what it signed
    RotateSigning {
        #[command(flatten)]
        file: ConfigFile,
        /// Withdraw the old key at once, because it leaked: what it signed is refused
        #[arg(long)]
        withdraw: bool,
    },
    /// Wrap every data key by the present master key instead of the previous one, while everything goes on
    Rotate(ConfigFile),
}

/// The one that needs neither configuration nor runtime.
pub fn new_key() {
    println!("{}", MasterKey::generate().expose());
}

pub async fn run(command: Vault) -> Result<(), Failure> {
    match command {
        Vault::NewKey => {
            new_key();
            Ok(())
        }
        Vault::Status(file) => status(&file).await,
        Vault::RotateHouse(file) => operate(&file, Command::RotateHouse).await,
        Vault::RotateSigning { file, withdraw } => operate(&file, Command::RotateSigning { withdraw }).await,
        Vault::Rotate(file) => rotate(&file).await,
    }
}

async fn status(file: &ConfigFile) -> Result<(), Failure> {
    operate(file, Command::VaultStatus).await?;
    let mut told = Instant::now();
    let first = Command::LookIntoVault { looked: Looked::default() };
    let troubles = operate_in_steps(file, first, |next| {
        let looked: Looked = read(next)?;
        if told.elapsed() > TELL_EVERY {
            told = Instant::now();
            eprintln!("{} values were opened", looked.values);
        }
        Ok(Command::LookIntoVault { looked })
    });
    judge(troubles.await?)
}

async fn rotate(file: &ConfigFile) -> Result<(), Failure> {
    let mut told = Instant::now();
    let first = Command::RotateVault { progress: Progress::default() };
    let troubles = operate_in_steps(file, first, |next| {
        let progress: Progress = read(next)?;
        if told.elapsed() > TELL_EVERY {
            told = Instant::now();
            eprintln!("{} of {} data keys are wrapped anew", progress.rewrapped, progress.of);
        }
        Ok(Command::RotateVault { progress })
    });
    judge(troubles.await?)
}

fn read<T: DeserializeOwned>(next: &str) -> Result<T, Failure> {
    serde_json::from_str(next)
        .map_err(|_| Failure::Sentence("The server is of another version than this command.".to_owned()))
}

fn judge(troubles: usize) -> Result<(), Failure> {
    if troubles == 0 {
        Ok(())
    } else {
        Err(Failure::Sentence("What was named above needs the operator.".to_owned()))
    }
}
