//! What the operator's commands do. On SQLite a running server does it for the command line, over a socket
//! beside the database, so that whatever it holds in memory stays exact.

pub mod backup;
mod freeze;
mod keys;
pub mod lock;
mod mass_revoke;
mod restore;
pub mod select;
mod show;
pub mod socket;
pub mod vault;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use self::select::{Asked, Person};
use crate::App;
use crate::account::{KnownAs, delete};
use crate::app::add::{NewApp, add};
use crate::app::import::{Import, import};
use crate::app::revocation::{self, Revocation};
use crate::app::{Source, ThirdPartyApp, remove};
use crate::caller::{create_key, revoke_key};
use crate::connection::selection::Why;
use crate::error::Error;
use crate::issuer::discovery::endpoints;
use crate::issuer::look_up::revocation_endpoint;
use crate::issuer::scope;
use crate::secret::Token;
use crate::vault::rotate::Progress;

/// A command, as it travels.
#[derive(Debug, Serialize, Deserialize)]
pub enum Command {
    AddApp(Box<NewApp>),
    ImportManifest(Import),
    ListApps,
    RemoveApp {
        key: String,
    },
    SayRevocation(Revocation),
    CreateKey {
        caller: String,
        apps: Vec<String>,
    },
    ListKeys,
    RevokeKey {
        id: String,
    },
    ShowConnection {
        id: String,
    },
    Freeze {
        asked: Asked,
        reason: String,
    },
    Unfreeze {
        id: String,
    },
    ListFreezes,
    MassRevoke {
        asked: Asked,
        reason: String,
        per_second: Option<u32>,
    },
    MassRevokeStatus {
        id: String,
    },
    ListMassRevokes,
    /// What a freeze or a mass revoke would reach.
    DryRun {
        asked: Asked,
        limit: u32,
    },
    DeleteAccount {
        person: Person,
        reason: String,
    },
    VaultStatus,
    LookIntoVault {
        looked: vault::Looked,
    },
    RotateVault {
        progress: Progress,
    },
    RotateHouse,
    RotateSigning {
        /// The keys before are withdrawn at once, because one leaked.
        withdraw: bool,
    },
    Backup {
        file: PathBuf,
        begun: bool,
    },
    RestoreStatus,
    MarkRestored,
    UseRestored,
}

/// What the command line prints.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Answer {
    /// For people, on standard error, or on standard output when there is no secret.
    pub lines: Vec<String>,
    /// For a pipe: alone on standard output.
    #[serde(with = "crate::secret::exposed_option")]
    pub secret: Option<Token>,
    /// Where a command of several steps goes on, to be asked for with the next one.
    #[serde(default)]
    pub next: Option<String>,
    /// Things that are not as they should be, though the command was carried out.
    #[serde(default)]
    pub troubles: usize,
    /// A mass revoke that is still running.
    #[serde(default)]
    pub follow: Option<String>,
}

impl Answer {
    fn line(line: String) -> Self {
        Self::of(vec![line])
    }

    fn of(lines: Vec<String>) -> Self {
        Self { lines, ..Self::default() }
    }

    /// There is more to do, from here on.
    fn further(lines: Vec<String>, troubles: usize, from: &impl Serialize) -> Result<Self, Error> {
        let next = serde_json::to_string(from).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Self { lines, troubles, next: Some(next), ..Self::default() })
    }
}

/// # Errors
/// The verb's own.
pub async fn run(app: &App, command: Command) -> Result<Answer, Error> {
    match command {
        Command::AddApp(new) => {
            let added = add(app, *new, Source::Cli).await?;
            Ok(Answer::of(registered(app, &added).await))
        }
        Command::ImportManifest(asked) => {
            let imported = import(app, asked).await?;
            let mut lines = Vec::new();
            for added in &imported {
                lines.extend(registered(app, added).await);
            }
            Ok(Answer::of(lines))
        }
        Command::ListApps => list_apps(app).await,
        Command::RemoveApp { key } => {
            remove::remove(app, &key).await?;
            Ok(Answer::line(format!("The app {key} is out of use.")))
        }
        Command::SayRevocation(said) => revocation(app, said).await,
        Command::CreateKey { caller, apps } => {
            let created = create_key::create_key(app, &caller, &apps).await?;
            let lines = vec![
                format!("caller {} ({caller})", created.caller_id),
                format!("key    {}", created.key_id),
                "The key is shown once; keep it where secrets are kept.".to_owned(),
            ];
            Ok(Answer { lines, secret: Some(created.key), ..Answer::default() })
        }
        Command::ListKeys => list_keys(app).await,
        Command::RevokeKey { id } => {
            revoke_key::revoke_key(app, &id).await?;
            Ok(Answer::line(format!("The key {id} is revoked.")))
        }
        Command::ShowConnection { id } => show::show(app, &id).await,
        Command::VaultStatus => vault::status(app).await,
        Command::LookIntoVault { looked } => vault::look(app, looked).await,
        Command::RotateVault { progress } => vault::rotate(app, progress).await,
        Command::RotateHouse => keys::rotate_house(app).await,
        Command::RotateSigning { withdraw } => keys::rotate_signing(app, withdraw).await,
        Command::Backup { file, begun } => backup::backup(app, file, begun).await,
        Command::RestoreStatus => restore::status(app).await,
        Command::MarkRestored => restore::mark(app).await,
        Command::UseRestored => restore::done(app).await,
        Command::Freeze { asked, reason } => freeze::freeze(app, &asked, &reason).await,
        Command::Unfreeze { id } => freeze::unfreeze(app, &id).await,
        Command::ListFreezes => freeze::list(app).await,
        Command::MassRevoke { asked, reason, per_second } => {
            mass_revoke::begin(app, &asked, &reason, per_second).await
        }
        Command::MassRevokeStatus { id } => mass_revoke::status(app, &id).await,
        Command::ListMassRevokes => mass_revoke::list(app).await,
        Command::DryRun { asked, limit } => freeze::dry_run(app, &asked, limit).await,
        Command::DeleteAccount { person, reason } => {
            let account = select::find(app, &person).await?;
            delete::delete(app, &account.id, &Why::operator(freeze::given(&reason)?)).await?;
            Ok(Answer::line(format!(
                "{} is deleted: nobody is signed in as it, nothing is handed out of it, and its issuers are being told.",
                KnownAs::from(account)
            )))
        }
    }
}

async fn registered(app: &App, third_party: &ThirdPartyApp) -> Vec<String> {
    let mut lines = vec![
        format!("{} {} is registered.", third_party.id, third_party.key),
        format!("  people connect it at {}", app.url(&format!("/connect/{}", third_party.key))),
        format!("  its redirect URI at the issuer is {}", third_party.callback(app)),
    ];
    lines.extend(lasts(app, third_party).await.map(|warning| format!("  {} {warning}", third_party.key)));
    lines
}

/// For so long an issuer is asked beside what an operator wants to know, who may be here because it hangs.
const ASIDE: Duration = Duration::from_secs(2);

/// Why an app's connections may not last; None where nothing speaks for that, or the issuer does not answer now.
async fn lasts(app: &App, third_party: &ThirdPartyApp) -> Option<&'static str> {
    let endpoints = timeout(ASIDE, endpoints(&app.issuers, &third_party.issuer)).await.ok()?.ok()?;
    scope::ends_with_the_session(&third_party.scopes, endpoints.offers_offline_access)
}

async fn revocation(app: &App, said: Revocation) -> Result<Answer, Error> {
    let third_party = revocation::say(app, said).await?;
    let (key, issuer) = (&third_party.key, &third_party.issuer);
    let reach = issuer.profile.revocation_reach;
    let line = match revocation_endpoint(&app.issuers, issuer).await {
        Ok(Some(url)) => format!("A stop of {key} is told at {url}; the reach of a revoke there is {reach}."),
        Ok(None) => format!("A stop of {key} ends here and is told nowhere: its issuer has no revocation."),
        Err(fault) => format!("Where a stop of {key} is told cannot be found out now: {fault}."),
    };
    Ok(Answer::line(line))
}

async fn list_apps(app: &App) -> Result<Answer, Error> {
    let apps = crate::app::all(app).await?;
    let line = |third_party: &ThirdPartyApp| {
        let ThirdPartyApp { key, status, source, issuer, name, .. } = third_party;
        format!("{key}\t{status}\t{source}\t{}\t{name}\t{}", issuer.key, third_party.callback(app))
    };
    Ok(Answer::of(apps.iter().map(line).collect()))
}

async fn list_keys(app: &App) -> Result<Answer, Error> {
    let keys = crate::caller::list_keys(app).await?;
    let line = |key: &crate::caller::ListedKey| {
        let state = key.revoked_at.map_or_else(|| "live".to_owned(), |at| format!("revoked {at}"));
        format!(
            "{}\t{}\t{}\t{}\tmade {}\t{state}",
            key.id, key.caller_id, key.caller, key.apps, key.created_at
        )
    };
    Ok(Answer::of(keys.iter().map(line).collect()))
}
