//! Rotates the master key while everything goes on: the check first, so that whoever starts from then on needs the new
//! key; then every data key, each by one statement that counts only for the wrapping that was seen; at last the old key
//! is retired. Where it stands is in the database, so whoever was killed goes on where it was.
//!
//! A row in memory may hold a data key in its old wrapping: it opens as long as the process lives, for that was given
//! both keys, and nobody writes a wrapping back.

use serde::{Deserialize, Serialize};

use super::damage::Damage;
use super::error::VaultError;
use super::master_keys::WrappedKey;
use super::store::{self, Master};
use crate::Broker;
use crate::error::Error;
use crate::replicas;

/// Data keys of one step.
const STEP: i64 = 1_000;
/// Data keys of one transaction: for so long others wait who change something.
const BATCH: usize = 100;

/// How far a rotation has come, as whoever asks for its steps is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The last data key that was looked at.
    pub after: String,
    /// Wrapped anew so far, and how many there were to begin with.
    pub rewrapped: i64,
    pub of: i64,
    /// Found to be damaged in this pass.
    pub damaged: i64,
}

/// What came of one step.
#[derive(Debug)]
pub enum Step {
    /// There is more to do.
    Further { progress: Progress, damaged: Vec<Damage> },
    /// Every data key is in the new wrapping, but these servers may still add one in the old.
    Waiting { progress: Progress, servers: usize },
    /// The old key is out of use.
    Retired { from: String, to: String, progress: Progress, damaged: Vec<Damage> },
    /// The vault is under the configured master key, and nothing is left of another.
    Nothing { kid: String },
}

/// The next step of a rotation, which begins if there is none yet. `progress` is what the step before told.
///
/// # Errors
/// [`Error::Conflict`] with what is to be done first.
pub async fn step(broker: &Broker, progress: Progress) -> Result<Step, Error> {
    let to = broker.vault.master_kid().to_owned();
    let under = store::under(&broker.db).await?.ok_or(VaultError::KeysMissing)?;
    if under != to {
        begin(broker, &under, &to).await?;
    }
    let from = match store::previous(&broker.db).await? {
        Some(from) => Some(from),
        None => reopen(broker, &to).await?,
    };
    let Some(from) = from else { return Ok(Step::Nothing { kid: to }) };
    let of = if progress.of == 0 { store::count(&broker.db, &from).await? } else { progress.of };
    let mut progress = Progress { of, ..progress };
    let keys = store::wrapped_by(&broker.db, &from, &progress.after, STEP).await?;
    let damaged = rewrap(broker, &keys, &mut progress).await?;
    if let Some(last) = keys.last() {
        progress.after.clone_from(&last.kid);
        return Ok(Step::Further { progress, damaged });
    }
    // The end of a pass. Servers that wrapped by the old key until now may have added what this pass did not see.
    let servers = replicas::that_wrap_by_another(broker, &to).await?;
    let after = String::new();
    if servers > 0 {
        return Ok(Step::Waiting { progress: Progress { after, damaged: 0, ..progress }, servers });
    }
    if store::count(&broker.db, &from).await? > progress.damaged {
        return Ok(Step::Further { progress: Progress { after, damaged: 0, ..progress }, damaged });
    }
    let mut transaction = broker.db.begin().await?;
    store::retire(&mut transaction, &from, broker.clock.now()).await?;
    let holder = broker.clone();
    // Nothing in memory needs the old key any more.
    transaction.after_commit(move || holder.held.forget_all());
    transaction.commit().await?;
    broker.db.truncate_log().await;
    tracing::warn!(from, to, rewrapped = progress.rewrapped, "the master key was rotated");
    Ok(Step::Retired { from, to, progress, damaged })
}

/// The configured previous master key, where something is wrapped by it though it was retired: a server that was cut off
/// for long can have added that in the very moment. Its rotation has not come to its end, then.
async fn reopen(broker: &Broker, to: &str) -> Result<Option<String>, Error> {
    let Some(kid) = broker.vault.previous_kid().filter(|kid| *kid != to) else { return Ok(None) };
    if store::count(&broker.db, kid).await? == 0 {
        return Ok(None);
    }
    store::reopen(&broker.db, kid).await?;
    Ok(Some(kid.to_owned()))
}

/// Puts the vault under the configured master key. Does nothing when another server was quicker.
async fn begin(broker: &Broker, under: &str, to: &str) -> Result<(), Error> {
    let refuse = |sentence: String| Err(Error::Conflict(sentence));
    match store::master(&broker.db, to).await? {
        None => {}
        // Only where the two keys are given the wrong way round.
        Some(Master::Previous | Master::Retired) => {
            return refuse(format!(
                "The vault was rotated from {to} to {under}: give {under} as vault.master_key, and {to} at the most \
                 as vault.previous_master_key."
            ));
        }
        Some(Master::Current) => return Ok(()),
    }
    if let Some(unfinished) = store::previous(&broker.db).await? {
        return refuse(format!(
            "The rotation from {unfinished} to {under} has not come to its end: finish it first, with {under} as \
             vault.master_key and {unfinished} as vault.previous_master_key."
        ));
    }
    let servers = replicas::that_do_not_know(broker, to).await?;
    if servers > 0 {
        return refuse(format!(
            "{servers} running servers were not given {to}. Give every one of them {to} as vault.master_key and \
             {under} as vault.previous_master_key, restart them, and try again; one that was stopped hard is counted \
             for {} seconds.",
            replicas::lives::LIVES
        ));
    }
    if store::begin(&broker.db, &broker.vault, broker.clock.now()).await? {
        tracing::warn!(from = under, to, "the rotation of the master key begins");
    }
    broker.vault.follow(to);
    Ok(())
}

/// Wraps these anew, and says which do not open.
async fn rewrap(broker: &Broker, keys: &[WrappedKey], progress: &mut Progress) -> Result<Vec<Damage>, Error> {
    let mut damaged = Vec::new();
    for batch in keys.chunks(BATCH) {
        // Before the turn to write: whoever has it keeps others waiting.
        let mut rewrapped = Vec::with_capacity(batch.len());
        for key in batch {
            match broker.vault.rewrap(key) {
                Ok(anew) => rewrapped.push((key, anew)),
                Err(why) => {
                    let row = key.kid.clone();
                    damaged.push(Damage { table: "vault_keys", column: "wrapped", row, why });
                    progress.damaged += 1;
                }
            }
        }
        let mut transaction = broker.db.begin().await?;
        for (seen, anew) in rewrapped {
            let done = store::replace(&mut transaction, seen, &anew).await?;
            progress.rewrapped += i64::try_from(done).unwrap_or_default();
        }
        transaction.commit().await?;
    }
    Ok(damaged)
}

/// What is said of the master keys, for the operator.
#[derive(Debug)]
pub struct Standing {
    /// The master key that the vault is under.
    pub under: String,
    /// Each master key that wraps data keys, and how many.
    pub wrapped: Vec<(String, i64)>,
    /// The configured previous key, when nothing is wrapped by it any more.
    pub removable: Option<String>,
    /// The configured master key, when the vault is not under it yet.
    pub waiting: Option<String>,
}

/// # Errors
/// When the database does not answer.
pub async fn standing(broker: &Broker) -> Result<Standing, Error> {
    let under = store::under(&broker.db).await?.ok_or(VaultError::KeysMissing)?;
    let mut wrapped = Vec::new();
    for wrapping in store::wrappings(&broker.db).await? {
        let count = store::count(&broker.db, &wrapping.master_kid).await?;
        wrapped.push((wrapping.master_kid, count));
    }
    let removable = removable(broker).await?;
    let waiting = Some(broker.vault.master_kid()).filter(|kid| *kid != under).map(str::to_owned);
    Ok(Standing { under, wrapped, removable, waiting })
}

/// The configured previous master key, when it is out of use: it need not be given any more.
///
/// # Errors
/// When the database does not answer.
pub async fn removable(broker: &Broker) -> Result<Option<String>, Error> {
    let Some(kid) = broker.vault.previous_kid() else { return Ok(None) };
    // Whatever it is thought to be: a key that wraps something is not to be thrown away.
    let needed = store::wrappings(&broker.db).await?.iter().any(|wrapping| wrapping.master_kid == kid);
    let rotating = store::previous(&broker.db).await?.as_deref() == Some(kid);
    Ok((!needed && !rotating).then(|| kid.to_owned()))
}
