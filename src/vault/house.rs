//! The house's keys: they seal what belongs to no app and no connection. One seals, those before it still open what they
//! sealed, and one to come is known before it seals. Counts how often each has sealed; replaces one in time.
//!
//! A key of AES-GCM with random nonces of 96 bits is good for 2^32 values (NIST SP 800-38D section 8.3). The house's is
//! replaced at an eighth of that by itself. The data key of an app or connection comes nowhere near: it seals two values
//! at a refresh. A master key wraps one for each app and connection, and is the operator's to rotate.

pub mod retire;
pub(super) mod store;

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use self::store::Stored;
use super::error::VaultError;
use super::master_keys::Vault;
use super::seal::{DataKey, Place, Sealed};
use crate::Broker;
use crate::clock::{Clock, Timestamp};
use crate::db::{self, Db};
use crate::error::Error;
use crate::replicas::lives::HEARD;
use crate::secret::Token;

/// Uses after which another key follows by itself. What was not counted yet, because a process was killed or is about to
/// count, comes nowhere near the rest of 2^30.
const MOST_USES: i64 = 1 << 29;
/// Uses that a process reserves at a time, before it makes them.
const BLOCK: i64 = 1 << 16;

/// The house's keys in memory.
pub struct HouseKey {
    clock: Clock,
    /// The last to seal first.
    held: RwLock<Vec<Arc<Held>>>,
}

struct Held {
    key: DataKey,
    seals_from: Timestamp,
    /// By this process.
    used: AtomicI64,
    /// Of those it said before that it would make.
    reserved: AtomicI64,
}

impl fmt::Debug for HouseKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.held().iter().map(|held| &held.key)).finish()
    }
}

impl HouseKey {
    /// The id of the key that seals.
    #[must_use]
    pub fn kid(&self) -> String {
        self.present().map(|held| held.key.kid().to_owned()).unwrap_or_default()
    }

    /// # Errors
    /// When the cipher refuses.
    pub fn seal(&self, place: &Place, secret: &Token) -> Result<Sealed, VaultError> {
        let present = self.present().ok_or(VaultError::KeysMissing)?;
        present.used.fetch_add(1, Ordering::Relaxed);
        present.key.seal(place, secret)
    }

    /// # Errors
    /// [`VaultError::DoesNotOpen`] when it was altered, moved, or sealed with a key that is none of the house's.
    pub fn open(&self, place: &Place, sealed: &Sealed) -> Result<Token, VaultError> {
        let held = self.held();
        let key = held.iter().find(|held| sealed.kid() == Some(held.key.kid()));
        key.ok_or(VaultError::DoesNotOpen)?.key.open(place, sealed)
    }

    fn held(&self) -> Vec<Arc<Held>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest whose time has come.
    fn present(&self) -> Option<Arc<Held>> {
        let now = self.clock.now();
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.iter().find(|held| held.seals_from <= now).or_else(|| held.last()).cloned()
    }

    /// Holds these from now on, and goes on counting those that it held already.
    fn hold(&self, vault: &Vault, stored: &[Stored]) -> Result<(), VaultError> {
        let known = self.held();
        let mut held = Vec::new();
        for row in stored {
            held.push(match known.iter().find(|held| held.key.kid() == row.key.kid) {
                Some(known) => Arc::clone(known),
                None => Arc::new(Held {
                    key: vault.unwrap(&row.key)?,
                    seals_from: row.seals_from,
                    used: AtomicI64::new(0),
                    reserved: AtomicI64::new(0),
                }),
            });
        }
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
        Ok(())
    }
}

impl Held {
    /// Uses to reserve now, so that a block of them is always ahead.
    fn owed(&self) -> i64 {
        let used = self.used.load(Ordering::Relaxed);
        let reserved = self.reserved.load(Ordering::Relaxed);
        if used == 0 || used + BLOCK / 2 <= reserved {
            return 0;
        }
        (used - reserved).div_euclid(BLOCK) * BLOCK + 2 * BLOCK
    }
}

/// The keys as the database has them.
///
/// # Errors
/// [`VaultError::KeysMissing`] when there is none; when one does not unwrap.
pub async fn open(db: &Db, vault: &Vault, clock: &Clock) -> Result<HouseKey, Error> {
    let stored = store::all(db).await?;
    if stored.is_empty() {
        return Err(VaultError::KeysMissing.into());
    }
    let house_key = HouseKey { clock: clock.clone(), held: RwLock::default() };
    house_key.hold(vault, &stored)?;
    Ok(house_key)
}

/// Learns what another server has decided.
///
/// # Errors
/// When the database does not answer, or a key does not unwrap.
pub async fn follow(broker: &Broker) -> Result<(), Error> {
    let stored = store::all(&broker.db).await?;
    Ok(broker.house_key.hold(&broker.vault, &stored)?)
}

/// Another key of the house; when it begins to seal. Those before it are kept for what they sealed.
///
/// # Errors
/// [`Error::Conflict`] when one is to follow already.
pub async fn rotate(broker: &Broker) -> Result<(String, Timestamp), Error> {
    let now = broker.db.lease_now(&broker.clock).await?;
    let (_, wrapped) = broker.vault.new_data_key()?;
    // Where others run, each has to know it before anybody seals by it; and no two begin in the same second.
    let heard = if broker.replica.is_only() { now } else { now.plus(HEARD) };
    let newest = store::all(&broker.db).await?.first().map(|newest| newest.seals_from.plus(1));
    let seals_from = newest.map_or(heard, |newest| heard.max(newest));
    let mut transaction = broker.db.begin().await?;
    if !store::insert(&mut transaction, &wrapped, seals_from, now).await? {
        let sentence = "A new house key is about to follow already; `attache vault status` says when.";
        return Err(Error::Conflict(sentence.to_owned()));
    }
    transaction.commit().await?;
    follow(broker).await?;
    tracing::warn!(kid = wrapped.kid, %seals_from, "another house key follows");
    Ok((wrapped.kid, seals_from))
}

/// Reserves the uses that this process is about to make, and has another key follow one that has sealed enough.
///
/// # Errors
/// When the database does not answer; what is owed is reserved the next time.
pub async fn count(broker: &Broker) -> Result<(), Error> {
    for held in broker.house_key.held() {
        let owed = held.owed();
        if owed == 0 {
            continue;
        }
        store::reserve(&broker.db, held.key.kid(), owed).await?;
        held.reserved.fetch_add(owed, Ordering::Relaxed);
    }
    let stored = store::all(&broker.db).await?;
    if stored.first().is_some_and(|newest| newest.uses >= MOST_USES) {
        match rotate(broker).await {
            // Another server was quicker.
            Ok(_) | Err(Error::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What is said of one key, for the operator.
#[derive(Debug)]
pub struct Standing {
    pub kid: String,
    pub seals_from: Timestamp,
    pub uses: i64,
}

/// The keys of the house, the last to seal first.
///
/// # Errors
/// When the database does not answer.
pub async fn standing(broker: &Broker) -> Result<Vec<Standing>, db::Error> {
    let stored = store::all(&broker.db).await?.into_iter();
    let standing = |row: Stored| Standing { kid: row.key.kid, seals_from: row.seals_from, uses: row.uses };
    Ok(stored.map(standing).collect())
}
