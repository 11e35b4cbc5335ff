//! `attache signing-key …`: has other keys sign what we issue, and lists them.

use attache::content::algorithm::Algorithm;
use attache::operator::Command;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::operate::operate;

#[derive(Debug, Subcommand)]
pub enum SigningKey {
    /// Have another key sign; it is published before it signs, and the one before for what it signed
    Rotate(Rotate),
    /// List keys: id, algorithm, whether it signs, when made
    List(ConfigFile),
}

#[derive(Debug, Args)]
pub struct Rotate {
    #[command(flatten)]
    file: ConfigFile,
    /// Keys of this algorithm only, which may be new here; all that there are, when none is named
    #[arg(long, value_parser = algorithm())]
    algorithm: Option<Algorithm>,
    /// Withdraw the keys before at once, because one leaked: what they signed is refused
    #[arg(long)]
    withdraw: bool,
}

fn algorithm() -> impl TypedValueParser<Value = Algorithm> {
    PossibleValuesParser::new(Algorithm::ALL.map(<&str>::from)).try_map(|name| name.parse::<Algorithm>())
}

pub async fn run(command: SigningKey) -> Result<(), Failure> {
    match command {
        SigningKey::Rotate(Rotate { file, algorithm, withdraw }) => {
            operate(&file, Command::RotateSigning { algorithm, withdraw }).await
        }
        SigningKey::List(file) => operate(&file, Command::ListSigningKeys).await,
    }
}
