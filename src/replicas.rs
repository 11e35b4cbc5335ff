//! The servers that run on one database, where there can be several (PostgreSQL): each says every few seconds that it
//! lives, which master keys it was given and by which it wraps, and learns which one the vault is under. Holds the lock by
//! which the others see when it is gone. Decides nothing.

pub mod holders;
pub mod lives;
mod store;

use std::sync::{Mutex, OnceLock, PoisonError};

use crate::Broker;
use crate::clock::Timestamp;
use crate::content::signing_key::rotate as signing_keys;
use crate::db::Db;
use crate::db::presence::Presence;
use crate::error::Error;
use crate::secret::{random_bytes, random_id};
use crate::vault::house;
use crate::{restore, vault};
use holders::Holders;
use lives::LIVES;

/// This process among them.
#[derive(Debug)]
pub struct Replica {
    id: String,
    /// Whether no other process can be at work on the database.
    is_only: bool,
    /// When it said so last, as the database knows; None for one that serves nobody.
    seen_at: Mutex<Option<Timestamp>>,
    /// Its lock; none for one that serves nobody, or that is alone with its database.
    presence: OnceLock<Presence>,
    /// What it knows of the others.
    holders: Holders,
}

impl Replica {
    /// One of those on this database, of which nobody has heard yet.
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self {
            id: format!("rp_{}", random_id::<12>()),
            is_only: db.is_alone(),
            seen_at: Mutex::new(None),
            presence: OnceLock::new(),
            holders: Holders::default(),
        }
    }

    /// Whether no other process can be at work on the database: whoever left something behind is dead.
    #[must_use]
    pub const fn is_only(&self) -> bool {
        self.is_only
    }

    /// The number of its lock, held or not.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        self.presence.get().map(Presence::number)
    }

    /// The number of its lock, while that is known to be held.
    #[must_use]
    pub fn lock(&self) -> Option<i64> {
        self.presence.get().filter(|presence| presence.is_confirmed()).map(Presence::number)
    }

    fn seen_at(&self) -> Option<Timestamp> {
        *self.seen_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_seen(&self, at: Option<Timestamp>) {
        *self.seen_at.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

/// Says that this process serves. Where it is alone with its database it tells nobody.
///
/// # Errors
/// When the database does not answer.
pub async fn join(broker: &Broker) -> Result<(), Error> {
    if broker.replica.is_only() {
        return Ok(());
    }
    let now = broker.db.lease_now(&broker.clock).await?;
    store::put(broker, &broker.replica.id, now).await?;
    store::sweep(&broker.db, now.plus(-10 * LIVES)).await?;
    broker.replica.is_seen(Some(now));
    // Never used again, not by the same process after a restart either: whoever named it is gone then.
    if let Some(presence) =
        Presence::begin(&broker.db, &broker.clock, i64::from_be_bytes(random_bytes())).await
    {
        let _ = broker.replica.presence.set(presence);
    }
    Ok(())
}

/// Says that it still does, and looks at what the others have decided meanwhile.
///
/// # Errors
/// When the database does not answer.
pub async fn beat(broker: &Broker) -> Result<(), Error> {
    if broker.replica.is_only() {
        return Ok(());
    }
    if let Some(under) = vault::under(&broker.db).await? {
        broker.vault.follow(&under);
    }
    house::follow(broker).await?;
    signing_keys::follow(broker).await?;
    let now = broker.db.lease_now(&broker.clock).await?;
    // What this process wrote last is there: so nothing before it was lost, should the database have changed its place.
    let unbroken = match broker.replica.seen_at() {
        Some(seen_at) => store::renew(broker, &broker.replica.id, seen_at, now).await?,
        None => return Ok(()),
    };
    if !unbroken {
        store::put(broker, &broker.replica.id, now).await?;
    }
    broker.replica.is_seen(Some(now));
    restore::recognise::look_again(broker, unbroken).await
}

/// It serves no more.
///
/// # Errors
/// When the database does not answer.
pub async fn leave(broker: &Broker) -> Result<(), Error> {
    if broker.replica.seen_at().is_some() {
        store::remove(&broker.db, &broker.replica.id).await?;
        broker.replica.is_seen(None);
    }
    Ok(())
}

/// How many live servers were not given a master key.
///
/// # Errors
/// When the database does not answer.
pub async fn that_do_not_know(broker: &Broker, master_kid: &str) -> Result<usize, Error> {
    let others = others(broker).await?;
    Ok(others.iter().filter(|other| !other.master_kids.iter().any(|kid| kid == master_kid)).count())
}

/// How many live servers wrap by another master key than this.
///
/// # Errors
/// When the database does not answer.
pub async fn that_wrap_by_another(broker: &Broker, master_kid: &str) -> Result<usize, Error> {
    let others = others(broker).await?;
    Ok(others.iter().filter(|other| other.wraps != master_kid).count())
}

async fn others(broker: &Broker) -> Result<Vec<store::Seen>, Error> {
    if broker.replica.is_only() {
        return Ok(Vec::new());
    }
    let now = broker.db.lease_now(&broker.clock).await?;
    let all = store::seen_since(&broker.db, now.plus(-LIVES)).await?;
    Ok(all.into_iter().filter(|other| other.id != broker.replica.id).collect())
}
