//! Puts the process together: database, vault, keys, and what the configuration file says. Serves nothing yet.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::sync::Extent;
use crate::clock::Clock;
use crate::config::Config;
use crate::consent::attempt;
use crate::consent::choose;
use crate::consent::complete::another_identity;
use crate::content::recognise::Recognised;
use crate::content::revoked_tokens;
use crate::content::signing_key::rotate as signing_keys;
use crate::credential::last_use::LastUses;
use crate::db::{self, OpenError};
use crate::error::Error;
use crate::freeze::freezes;
use crate::held::Held;
use crate::issuer::Issuers;
use crate::ledger::{Ledger, hand_out};
use crate::limits::RateLimits;
use crate::load::Load;
use crate::metrics::Metrics;
use crate::operator::backup::Backups;
use crate::pulse::Pulse;
use crate::refresh::early;
use crate::refresh::flight::Flights;
use crate::refresh::rescue;
use crate::replicas::{self, Replica};
use crate::revoke::tell::tell_again;
use crate::secret::{Renewable, Token};
use crate::vault::{self, MasterKey, Pseudonyms, Vault, VaultError, house, rotate};
use crate::{
    Broker, Parts, account, connect_session, content, dialect, permanent_token, resource_server, restore,
    session,
};

/// Why the process does not start; for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("vault.master_key: {0}; see docs/configuration.md")]
    Vault(#[from] VaultError),
    #[error("database.url: {0}")]
    Database(#[from] OpenError),
    #[error("{0}")]
    Outbound(String),
    #[error("{0}")]
    Other(Error),
}

impl From<Error> for StartError {
    fn from(error: Error) -> Self {
        match error {
            Error::Vault(fault) => Self::Vault(fault),
            other => Self::Other(other),
        }
    }
}

/// Opens everything and brings the database in line with the file, as a server does. An issuer that is down keeps
/// nothing from starting.
///
/// # Errors
/// [`StartError`]; a wrong master key never starts.
pub async fn start(config: Config, clock: Clock) -> Result<Broker, StartError> {
    open(config, clock, Extent::Whole).await
}

/// Opens everything, and carries over as much of the file as is said.
///
/// # Errors
/// [`StartError`]; a wrong master key never starts.
pub async fn open(config: Config, clock: Clock, extent: Extent) -> Result<Broker, StartError> {
    let master_key = config.vault.master_key.clone().unwrap_or_else(|| Token::new(""));
    let previous = config.vault.previous_master_key.as_ref().map(MasterKey::parse).transpose()?;
    let vault = Vault::with_previous(MasterKey::parse(&master_key)?, previous);
    let db = db::open(&config.database.url, config.database.connections).await?;
    let clock = db.clock(clock).await.map_err(Error::from)?;
    // Replicas that start at once take turns: what one makes, the next one finds.
    let turn = db.take_turn().await.map_err(Error::from)?;
    let house_key = Arc::new(vault::unlock(&db, &vault, &clock).await?);
    let pseudonyms = Pseudonyms::open(&db, &vault, clock.now()).await?;
    let signing_keys = signing_keys::open(&db, &house_key, &clock, &config).await?;
    let http = config.outbound.http(clock.clone()).map_err(StartError::Outbound)?;
    let (events, _) = broadcast::channel(64);
    let replica = Replica::new(&db);
    let broker = Broker::new(Parts {
        issuers: Issuers::new(http, clock.clone()),
        held: Held::new(config.database.memory_megabytes),
        load: Load::new(config.limits.requests_at_once),
        limits: RateLimits::new(&config.limits, clock.clone()),
        sign_in_secret: Renewable::new(config.sign_in.client_secret.clone()),
        config,
        db,
        clock,
        vault,
        replica,
        house_key,
        pseudonyms,
        signing_keys,
        recognised: Recognised::default(),
        ledger: Ledger::default(),
        flights: Flights::default(),
        metrics: Metrics::default(),
        backups: Backups::default(),
        pulse: Pulse::default(),
        resource_server_uses: LastUses::default(),
        permanent_token_uses: LastUses::default(),
        management_schema: dialect::graphql::schema(),
        tasks: TaskTracker::new(),
        leaving: CancellationToken::new(),
        draining: CancellationToken::new(),
        events,
    });
    crate::app::sync::sync(&broker, extent).await?;
    freezes::give_pseudonyms(&broker).await?;
    // Before anything is refreshed or stored: by the habits that the file gives the issuers.
    restore::recognise::judge(&broker).await?;
    if extent == Extent::Whole {
        content::sync::sync(&broker).await?;
        // Before anybody asks: a grant that is in the journal is newer than its row.
        rescue::replay(&broker).await?;
        rescue::prepare(&broker).await?;
        early::try_refused_clients_again(&broker).await.map_err(Error::from)?;
        replicas::join(&broker).await?;
        tell_the_operator(&broker).await?;
    }
    turn.end().await.map_err(Error::from)?;
    Ok(broker)
}

/// What the operator is to do, when something is to be done.
async fn tell_the_operator(broker: &Broker) -> Result<(), Error> {
    if let Some(restored) = restore::open(broker).await? {
        tracing::error!("{}", restored.sentence());
    }
    if let Some(kid) = rotate::removable(broker).await? {
        tracing::warn!(
            kid,
            "vault.previous_master_key wraps nothing any more: remove it from the configuration"
        );
    }
    if broker.vault.wraps_by() != broker.vault.master_kid() {
        let (under, kid) = (broker.vault.wraps_by(), broker.vault.master_kid());
        tracing::warn!(under, kid, "the vault is not under vault.master_key yet: run `attache vault rotate`");
    }
    Ok(())
}

/// What goes on by itself and cannot be undone, as long as the database is the newest one: a restored copy does not know
/// what was changed since. Ends when the server drains.
pub async fn carry_on(broker: Broker) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = broker.draining.cancelled() => return,
            _ = second.tick() => {}
        }
        match restore::open(&broker).await {
            Ok(None) => {}
            Ok(Some(_)) => continue,
            Err(error) => {
                tracing::error!(%error, "it could not be found out whether this is a restored copy");
                continue;
            }
        }
        if let Err(error) = tell_again(&broker).await {
            tracing::error!(%error, "issuers could not be told of revokes; they will be");
        }
        if let Err(error) = choose::end_due(&broker).await {
            tracing::error!(%error, "consents whose time is over could not be ended; nothing is handed out from them");
        }
        if let Err(error) = account::delete::go_on(&broker).await {
            tracing::error!(%error, "an account could not be deleted yet; it is tried again");
        }
        if let Err(error) = another_identity::drop_forgotten(&broker).await {
            tracing::error!(%error, "consents that nobody decided about could not be given back; they will be");
        }
    }
}

/// The housekeeping of a server: the ledger's counters every second; addresses that need not be remembered, and that
/// this server lives, every five seconds; what has expired every ten minutes. Asks no issuer, so that none holds it up.
/// Ends when the server drains.
pub async fn keep_house(broker: Broker) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut five_seconds = tokio::time::interval(Duration::from_secs(5));
    let mut ten_minutes = tokio::time::interval(Duration::from_mins(10));
    loop {
        tokio::select! {
            () = broker.draining.cancelled() => return,
            _ = second.tick() => {
                if let Err(error) = hand_out::flush(&broker).await {
                    tracing::error!(%error, "the ledger's counters could not be written; they are kept");
                }
            }
            _ = five_seconds.tick() => {
                broker.limits.sweep();
                if let Err(error) = replicas::beat(&broker).await {
                    tracing::error!(%error, "the other servers could not be told that this one lives");
                }
                if let Err(error) = house::count(&broker).await {
                    tracing::error!(%error, "the uses of the house key could not be counted; they will be");
                }
                if let Err(error) = resource_server::last_use::tell(&broker).await {
                    tracing::error!(%error, "the last uses of resource servers could not be written; they will be");
                }
                if let Err(error) = permanent_token::last_use::tell(&broker).await {
                    tracing::error!(%error, "the last uses of permanent tokens could not be written; they will be");
                }
            }
            _ = ten_minutes.tick() => {
                if let Err(error) = sweep(&broker).await {
                    tracing::error!(%error, "what has expired could not be removed");
                }
            }
        }
    }
}

async fn sweep(broker: &Broker) -> Result<(), Error> {
    let now = broker.clock.now();
    session::sweep(&broker.db, now).await?;
    account::sweep(broker).await?;
    attempt::sweep(broker).await?;
    connect_session::sweep(broker).await?;
    freezes::sweep(broker).await?;
    signing_keys::rotate_due(broker).await?;
    signing_keys::sweep(broker).await?;
    house::retire::sweep(broker).await?;
    revoked_tokens::sweep(broker).await?;
    Ok(content::sweep(&broker.db, now).await?)
}
