//! `attache vault …`: the master key, its rotation, and whether all that is sealed still opens.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use attache::operator::Command;
use attache::operator::vault::Looked;
use attache::vault::MasterKey;
use attache::vault::rotate::Progress;
use clap::Subcommand;
use serde::de::DeserializeOwned;

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::operate::{operate, operate_in_steps};

/// How often it is said how far something has come.
const TELL_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Subcommand)]
pub enum Vault {
    /// Make a new master key
    NewKey {
        /// The file that it goes to, which must not be there yet; standard output when none is named
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Show which master key the vault is under, and open everything that is sealed to name what does not open
    Status(ConfigFile),
    /// Have another key seal what belongs to the house: sessions, running sign-ins and consents, signing keys
    RotateHouse(ConfigFile),
    /// As `attache signing-key rotate`
    #[command(hide = true)]
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

/// The one that needs neither configuration nor runtime. A file that is there is never written over: it may be the only key
/// to a database.
pub fn new_key(out: Option<&Path>) -> Result<(), Failure> {
    let key = MasterKey::generate();
    let Some(path) = out else {
        say!("{}", key.expose());
        return Ok(());
    };
    let file = path.display();
    let write = || {
        let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        writeln!(made, "{}", key.expose())?;
        made.sync_all()
    };
    match write() {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(Failure::Sentence(format!(
                "{file} is there already and is left as it is: it may be the only key to a database. Name another file."
            )));
        }
        Err(error) => return Err(Failure::Sentence(format!("{file} cannot be written: {error}."))),
    }
    say!("{file} holds a new master key, for vault.master_key_file.");
    say!(
        "Keep a copy where secrets are kept, apart from the database and its backups: without it all grants are lost."
    );
    Ok(())
}

pub async fn run(command: Vault) -> Result<(), Failure> {
    match command {
        Vault::NewKey { out } => new_key(out.as_deref()),
        Vault::Status(file) => status(&file).await,
        Vault::RotateHouse(file) => operate(&file, Command::RotateHouse).await,
        Vault::RotateSigning { file, withdraw } => {
            operate(&file, Command::RotateSigning { algorithm: None, withdraw }).await
        }
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
            warn_them!("{} values were opened", looked.values);
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
            warn_them!("{} of {} data keys are wrapped anew", progress.rewrapped, progress.of);
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
