//! `attache revoke`: ends many connections for good.

use attache::operator::Command;
use clap::Args;

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::operate::{follow, operate};
use super::selection::Selection;

#[derive(Debug, Args)]
pub struct Revoke {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    selection: Selection,
    /// Why; for the ledger. Callers and people are not told
    #[arg(long, required_unless_present_any = ["status", "dry_run", "follow"])]
    reason: Option<String>,
    /// Connections a second, so that no issuer is flooded; else as the configuration says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    per_second: Option<u32>,
    /// Do not wait until it has ended: a running server goes on with it
    #[arg(long)]
    background: bool,
    /// Only say who and what it would end
    #[arg(long)]
    dry_run: bool,
    /// How much of each list a dry run shows
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// How far it is, or all of them: id, when begun, status, connections, by whom, what, why
    #[arg(long, value_name = "rv_…", num_args = 0..=1)]
    status: Option<Vec<String>>,
    /// Wait for one that is running, and go on with it where no server does
    #[arg(long, value_name = "rv_…")]
    follow: Option<String>,
}

pub async fn run(revoke: Revoke) -> Result<(), Failure> {
    let Revoke { file, selection, reason, per_second, background, dry_run, limit, status, follow: id } =
        revoke;
    match (status.map(|ids| ids.concat()), id) {
        (Some(id), _) if id.is_empty() => return operate(&file, Command::ListMassRevokes).await,
        (Some(id), _) => return operate(&file, Command::MassRevokeStatus { id }).await,
        (None, Some(id)) => return follow(&file, Command::MassRevokeStatus { id }).await,
        (None, None) => {}
    }
    let asked = selection.asked(None)?;
    match reason.filter(|_| !dry_run) {
        None => operate(&file, Command::DryRun { asked, limit }).await,
        Some(reason) => {
            let command = Command::MassRevoke { asked, reason, per_second };
            if background { operate(&file, command).await } else { follow(&file, command).await }
        }
    }
}
