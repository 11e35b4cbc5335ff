//! `attache vault …`: the master key.

use attache::vault::MasterKey;
use clap::Subcommand;

use super::Failure;

#[derive(Debug, Subcommand)]
pub enum Vault {
    /// Print a new master key, for its file
    NewKey,
}

#[expect(clippy::unnecessary_wraps, reason = "every command ends the same way")]
pub fn run(command: &Vault) -> Result<(), Failure> {
    match command {
        Vault::NewKey => println!("{}", MasterKey::generate().expose()),
    }
    Ok(())
}
