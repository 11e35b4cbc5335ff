//! `attache freeze` and `attache unfreeze`: the operator's brake.

use attache::operator::Command;
use clap::Args;

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::operate::operate;
use super::selection::Selection;

#[derive(Debug, Args)]
pub struct Freeze {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    selection: Selection,
    /// Whatever this caller asks for, by its id or name
    #[arg(long, value_name = "ID")]
    caller: Option<String>,
    /// Why; for the ledger and for whoever lifts it. Callers and people are not told
    #[arg(long, required_unless_present_any = ["list", "dry_run"])]
    reason: Option<String>,
    /// Only say who and what it would stop
    #[arg(long)]
    dry_run: bool,
    /// How much of each list a dry run shows
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// List what is frozen: id, since, by whom, what, why
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Args)]
pub struct Unfreeze {
    #[command(flatten)]
    file: ConfigFile,
    /// The freeze's id, as `attache freeze --list` shows it
    id: String,
}

pub async fn freeze(freeze: Freeze) -> Result<(), Failure> {
    let command = if freeze.list {
        Command::ListFreezes
    } else {
        let asked = freeze.selection.asked(freeze.caller.as_deref())?;
        match (freeze.dry_run, freeze.reason) {
            (true, _) | (false, None) => Command::DryRun { asked, limit: freeze.limit },
            (false, Some(reason)) => Command::Freeze { asked, reason },
        }
    };
    operate(&freeze.file, command).await
}

pub async fn unfreeze(unfreeze: Unfreeze) -> Result<(), Failure> {
    operate(&unfreeze.file, Command::Unfreeze { id: unfreeze.id }).await
}
