//! What the operator's commands do. On SQLite a running server does it for the command line, over a socket
//! beside the database, so that whatever it holds in memory stays exact.

mod apps;
pub mod backup;
mod callers;
mod environments;
mod freeze;
mod keys;
pub mod lock;
mod mass_revoke;
mod output;
mod permanent_tokens;
mod resource_servers;
mod restore;
pub mod select;
mod show;
pub mod socket;
mod templates;
pub mod vault;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::output::Output;
use self::select::{NamedSelection, Person};
use crate::Broker;
use crate::account::{KnownAs, delete};
use crate::app::add::{NewApp, add};
use crate::app::import::{Import, import};
use crate::app::revocation::Revocation;
use crate::app::{Source, remove};
use crate::caller::{create_key, revoke_key};
use crate::content::algorithm::Algorithm;
use crate::content::template::definition::Definition;
use crate::error::Error;
use crate::freeze::selection::Why;
use crate::permanent_token::create::Wanted;
use crate::resource_server::create::ToProtect;
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
    CreateResourceServer {
        wanted: ToProtect,
    },
    ListResourceServers,
    RevokeResourceServer {
        id: String,
    },
    ShowConnection {
        id: String,
    },
    Freeze {
        asked: NamedSelection,
        reason: String,
    },
    Unfreeze {
        id: String,
    },
    ListFreezes,
    MassRevoke {
        asked: NamedSelection,
        reason: String,
        per_second: Option<u32>,
    },
    MassRevokeStatus {
        id: String,
    },
    ListMassRevokes,
    /// What a freeze or a mass revoke would reach.
    DryRun {
        asked: NamedSelection,
        limit: u32,
    },
    DeleteAccount {
        person: Person,
        reason: String,
    },
    PermitCaller {
        caller: String,
        environment: String,
        /// A JSON array, as it was typed.
        permissions: String,
    },
    ForbidCaller {
        caller: String,
        environment: String,
    },
    ListPermittedCallers,
    CreatePermanentToken(Wanted),
    ListPermanentTokens,
    RevokePermanentToken {
        id: String,
    },
    ListTemplates,
    PreviewTemplate {
        name: String,
        /// As the file says it now, which a server may not have read yet.
        definition: Box<Definition>,
        person: Person,
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
        /// Of this line only.
        #[serde(default)]
        algorithm: Option<Algorithm>,
        /// The keys before are withdrawn at once, because one leaked.
        withdraw: bool,
    },
    ListSigningKeys,
    Backup {
        file: PathBuf,
        begun: bool,
    },
    RestoreStatus,
    MarkRestored,
    UseRestored,
    ListEnvironments,
    ShowEnvironment {
        key: String,
    },
    SetPublicDefaults {
        key: String,
        open: bool,
    },
}

/// # Errors
/// The verb's own.
pub async fn run(broker: &Broker, command: Command) -> Result<Output, Error> {
    match command {
        Command::AddApp(new) => {
            let added = add(broker, *new, Source::Cli).await?;
            Ok(Output::of(apps::registered(broker, &added).await))
        }
        Command::ImportManifest(asked) => {
            let imported = import(broker, asked).await?;
            let mut lines = Vec::new();
            for added in &imported {
                lines.extend(apps::registered(broker, added).await);
            }
            Ok(Output::of(lines))
        }
        Command::ListApps => apps::list(broker).await,
        Command::RemoveApp { key } => {
            remove::remove(broker, &key).await?;
            Ok(Output::line(format!("The app {key} is out of use.")))
        }
        Command::SayRevocation(said) => apps::revocation(broker, said).await,
        Command::CreateKey { caller, apps } => {
            let created = create_key::create_key(broker, &caller, &apps).await?;
            let lines = vec![
                format!("caller {} ({caller})", created.caller_id),
                format!("key    {}", created.key_id),
                "The key is shown once; keep it where secrets are kept.".to_owned(),
            ];
            Ok(Output { lines, secret: Some(created.key), ..Output::default() })
        }
        Command::ListKeys => list_keys(broker).await,
        Command::RevokeKey { id } => {
            revoke_key::revoke_key(broker, &id).await?;
            Ok(Output::line(format!("The key {id} is revoked.")))
        }
        Command::CreateResourceServer { wanted } => resource_servers::create(broker, &wanted).await,
        Command::ListResourceServers => resource_servers::list(broker).await,
        Command::RevokeResourceServer { id } => resource_servers::revoke(broker, &id).await,
        Command::PermitCaller { caller, environment, permissions } => {
            callers::permit(broker, &caller, &environment, &permissions).await
        }
        Command::ForbidCaller { caller, environment } => callers::forbid(broker, &caller, &environment).await,
        Command::ListPermittedCallers => callers::list(broker).await,
        Command::CreatePermanentToken(wanted) => permanent_tokens::create(broker, &wanted).await,
        Command::ListPermanentTokens => permanent_tokens::list(broker).await,
        Command::RevokePermanentToken { id } => permanent_tokens::revoke(broker, &id).await,
        Command::ListTemplates => templates::list(broker).await,
        Command::PreviewTemplate { name, definition, person } => {
            templates::preview(broker, &name, &definition, &person).await
        }
        Command::ShowConnection { id } => show::show(broker, &id).await,
        Command::VaultStatus => vault::status(broker).await,
        Command::LookIntoVault { looked } => vault::look(broker, looked).await,
        Command::RotateVault { progress } => vault::rotate(broker, progress).await,
        Command::RotateHouse => keys::rotate_house(broker).await,
        Command::RotateSigning { algorithm, withdraw } => {
            keys::rotate_signing(broker, algorithm, withdraw).await
        }
        Command::ListSigningKeys => keys::list_signing(broker).await,
        Command::Backup { file, begun } => backup::backup(broker, file, begun).await,
        Command::RestoreStatus => restore::status(broker).await,
        Command::MarkRestored => restore::mark(broker).await,
        Command::UseRestored => restore::done(broker).await,
        Command::ListEnvironments => environments::list(broker).await,
        Command::ShowEnvironment { key } => environments::show(broker, &key).await,
        Command::SetPublicDefaults { key, open } => {
            environments::set_public_defaults(broker, &key, open).await
        }
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
            Ok(Output::line(format!(
                "{} is deleted: nobody is signed in as it, nothing is handed out of it, and its issuers are being told.",
                KnownAs::from(account)
            )))
        }
    }
}

async fn list_keys(broker: &Broker) -> Result<Output, Error> {
    let keys = crate::caller::list_keys(broker).await?;
    let line = |key: &crate::caller::ListedKey| {
        let state = key.revoked_at.map_or_else(|| "live".to_owned(), |at| format!("revoked {at}"));
        format!(
            "{}\t{}\t{}\t{}\tmade {}\t{state}",
            key.id, key.caller_id, key.caller, key.apps, key.created_at
        )
    };
    Ok(Output::of(keys.iter().map(line).collect()))
}
