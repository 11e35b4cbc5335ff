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
use crate::Broker;
use crate::account::{KnownAs, delete};
use crate::app::add::{NewApp, add};
use crate::app::import::{Import, import};
use crate::app::revocation::{self, Revocation};
use crate::app::{App, Source, remove};
use crate::caller::{create_key, revoke_key};
use crate::error::Error;
use crate::freeze::selection::Why;
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
pub async fn run(broker: &Broker, command: Command) -> Result<Answer, Error> {
    match command {
        Command::AddApp(new) => {
            let added = add(broker, *new, Source::Cli).await?;
            Ok(Answer::of(registered(broker, &added).await))
        }
        Command::ImportManifest(asked) => {
            let imported = import(broker, asked).await?;
            let mut lines = Vec::new();
            for added in &imported {
                lines.extend(registered(broker, added).await);
            }
            Ok(Answer::of(lines))
        }
        Command::ListApps => list_apps(broker).await,
        Command::RemoveApp { key } => {
            remove::remove(broker, &key).await?;
            Ok(Answer::line(format!("The app {key} is out of use.")))
        }
        Command::SayRevocation(said) => revocation(broker, said).await,
        Command::CreateKey { caller, apps } => {
            let created = create_key::create_key(broker, &caller, &apps).await?;
            let lines = vec![
                format!("caller {} ({caller})", created.caller_id),
                format!("key    {}", created.key_id),
                "The key is shown once; keep it where secrets are kept.".to_owned(),
            ];
            Ok(Answer { lines, secret: Some(created.key), ..Answer::default() })
        }
        Command::ListKeys => list_keys(broker).await,
        Command::RevokeKey { id } => {
            revoke_key::revoke_key(broker, &id).await?;
            Ok(Answer::line(format!("The key {id} is revoked.")))
        }
        Command::ShowConnection { id } => show::show(broker, &id).await,
        Command::VaultStatus => vault::status(broker).await,
        Command::LookIntoVault { looked } => vault::look(broker, looked).await,
        Command::RotateVault { progress } => vault::rotate(broker, progress).await,
        Command::RotateHouse => keys::rotate_house(broker).await,
        Command::RotateSigning { withdraw } => keys::rotate_signing(broker, withdraw).await,
        Command::Backup { file, begun } => backup::backup(broker, file, begun).await,
        Command::RestoreStatus => restore::status(broker).await,
        Command::MarkRestored => restore::mark(broker).await,
        Command::UseRestored => restore::done(broker).await,
        Command::Freeze { asked, reason } => freeze::freeze(broker, &asked, &reason).await,
        Command::Unfreeze { id } => freeze::unfreeze(broker, &id).await,
        Command::ListFreezes => freeze::list(broker).await,
        Command::MassRevoke { asked, reason, per_second } => {
            mass_revoke::begin(broker, &asked, &reason, per_second).await
        }
        Command::MassRevokeStatus { id } => mass_revoke::status(broker, &id).await,
        Command::ListMassRevokes => mass_revoke::list(broker).await,
        Command::DryRun { asked, limit } => freeze::dry_run(broker, &asked, limit).await,
        Command::DeleteAccount { person, reason } => {
            let account = select::find(broker, &person).await?;
            delete::delete(broker, &account.id, &Why::operator(freeze::given(&reason)?)).await?;
            Ok(Answer::line(format!(
                "{} is deleted: nobody is signed in as it, nothing is handed out of it, and its issuers are being told.",
                KnownAs::from(account)
            )))
        }
    }
}

async fn registered(broker: &Broker, app: &App) -> Vec<String> {
    let mut lines = vec![
        format!("{} {} is registered.", app.id, app.key),
        format!("  people connect it at {}", broker.url(&format!("/connect/{}", app.key))),
        format!("  its redirect URI at the issuer is {}", app.callback(broker)),
    ];
    lines.extend(lasts(broker, app).await.map(|warning| format!("  {} {warning}", app.key)));
    lines
}

/// For so long an issuer is asked beside what an operator wants to know, who may be here because it hangs.
const ASIDE: Duration = Duration::from_secs(2);

/// Why an app's connections may not last; None where nothing speaks for that, or the issuer does not answer now.
async fn lasts(broker: &Broker, app: &App) -> Option<&'static str> {
    let endpoints = timeout(ASIDE, endpoints(&broker.issuers, &app.issuer)).await.ok()?.ok()?;
    scope::ends_with_the_session(&app.scopes, endpoints.offers_offline_access)
}

async fn revocation(broker: &Broker, said: Revocation) -> Result<Answer, Error> {
    let app = revocation::say(broker, said).await?;
    let (key, issuer) = (&app.key, &app.issuer);
    let reach = issuer.profile.revocation_reach;
    let line = match revocation_endpoint(&broker.issuers, issuer).await {
        Ok(Some(url)) => format!("A stop of {key} is told at {url}; the reach of a revoke there is {reach}."),
        Ok(None) => format!("A stop of {key} ends here and is told nowhere: its issuer has no revocation."),
        Err(fault) => format!("Where a stop of {key} is told cannot be found out now: {fault}."),
    };
    Ok(Answer::line(line))
}

async fn list_apps(broker: &Broker) -> Result<Answer, Error> {
    let apps = crate::app::all(broker).await?;
    let line = |app: &App| {
        let App { key, status, source, issuer, name, .. } = app;
        format!("{key}\t{status}\t{source}\t{}\t{name}\t{}", issuer.key, app.callback(broker))
    };
    Ok(Answer::of(apps.iter().map(line).collect()))
}

async fn list_keys(broker: &Broker) -> Result<Answer, Error> {
    let keys = crate::caller::list_keys(broker).await?;
    let line = |key: &crate::caller::ListedKey| {
        let state = key.revoked_at.map_or_else(|| "live".to_owned(), |at| format!("revoked {at}"));
        format!(
            "{}\t{}\t{}\t{}\tmade {}\t{state}",
            key.id, key.caller_id, key.caller, key.apps, key.created_at
        )
    };
    Ok(Answer::of(keys.iter().map(line).collect()))
}
