//! What becomes of the signing keys in the database. The first of a line is made when it is needed; another follows by command
//! or when it is time. One that leaked is withdrawn, and one that nothing needs is destroyed. Signs nothing.

use std::collections::BTreeSet;

use super::store::{self, StoredKey};
use super::{LEAD, SigningKeys, TRAIL, is_needed, make, place};
use crate::Broker;
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::content::algorithm::Algorithm;
use crate::content::rules::Strategy;
use crate::content::store::withdraw_minted;
use crate::db::write::Transaction;
use crate::db::{self, Db};
use crate::error::Error;
use crate::vault::HouseKey;

/// Signs at once, and however wrong the clock is.
const AT_ONCE: Timestamp = Timestamp::from_unix(0);
const DAY: i64 = 86_400;

/// Opens the keys, and makes the first of each line that the configuration needs. On a new database they sign at once, because
/// nobody keeps a key set of before. Elsewhere they are published first.
///
/// # Errors
/// When a stored key does not open.
pub async fn open(
    db: &Db,
    house_key: &HouseKey,
    clock: &Clock,
    config: &Config,
) -> Result<SigningKeys, Error> {
    let (stored, now) = (store::signing_keys(db).await?, clock.now());
    let signs_from = if stored.is_empty() { AT_ONCE } else { now.plus(LEAD) };
    let minting = config.environments.values().filter(|environment| environment.strategy == Strategy::Mint);
    let of_environments = minting.filter_map(|environment| environment.algorithm);
    let of_templates = config.templates.values().map(|template| template.algorithm);
    let needed: BTreeSet<Algorithm> =
        of_environments.chain(of_templates).chain([Algorithm::default()]).collect();
    for algorithm in needed {
        if stored.iter().all(|key| key.algorithm != algorithm) {
            let first = make(house_key, algorithm, config.signing_keys.rsa_bits, signs_from, now).await?;
            let mut transaction = db.begin().await?;
            store::insert(&mut transaction, &first, first_of(algorithm)).await?;
            transaction.commit().await?;
        }
    }
    let keys = SigningKeys::none(clock);
    keys.hold(house_key, &store::signing_keys(db).await?)?;
    if keys.keys().is_empty() {
        return Err(Error::Internal("There is no signing key.".to_owned()));
    }
    Ok(keys)
}

/// Learns what another server has decided.
///
/// # Errors
/// When the database does not answer, or a stored key does not open.
pub async fn follow(broker: &Broker) -> Result<(), Error> {
    let keys = &broker.signing_keys;
    let signed = keys.signing();
    keys.hold(&broker.house_key, &store::signing_keys(&broker.db).await?)?;
    let held = keys.keys();
    if signed.iter().any(|signed| held.iter().all(|key| key.kid != signed.kid)) {
        // It was withdrawn, and may have signed since.
        let mut transaction = broker.db.begin().await?;
        withdraw(broker, &mut transaction).await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// None of the content tokens that are kept and were minted is handed out again.
async fn withdraw(broker: &Broker, transaction: &mut Transaction) -> Result<(), db::Error> {
    let holder = broker.clone();
    transaction.after_commit(move || holder.held.content_tokens.forget_all());
    withdraw_minted(transaction).await
}

/// A key that follows.
#[derive(Debug)]
pub struct Following {
    pub kid: String,
    pub algorithm: Algorithm,
    pub signs_from: Timestamp,
}

/// Another key for one line, or for each: it signs when every server publishes it, and nobody keeps a key set of before. With
/// `withdraw` at once, and the keys before it are gone: what they signed is good nowhere any more, as soon as verifiers look
/// at the key set again.
///
/// # Errors
/// [`Error::Conflict`] when one is to follow already; then none follows.
pub async fn rotate(
    broker: &Broker,
    only: Option<Algorithm>,
    withdrawing: bool,
) -> Result<Vec<Following>, Error> {
    let now = broker.db.lease_now(&broker.clock).await?;
    let stored = store::signing_keys(&broker.db).await?;
    let lines: BTreeSet<Algorithm> = match only {
        Some(algorithm) => BTreeSet::from([algorithm]),
        None => stored.iter().map(|key| key.algorithm).collect(),
    };
    let mut new = Vec::new();
    for algorithm in lines {
        let newest = stored.iter().find(|key| key.algorithm == algorithm);
        let (follows, signs_from) = match newest {
            Some(_) if withdrawing => (first_of(algorithm), AT_ONCE),
            Some(newest) if newest.signs_from > now => return Err(follows_already(algorithm)),
            Some(newest) => (newest.kid.as_str(), now.plus(LEAD)),
            None => (first_of(algorithm), now.plus(LEAD)),
        };
        let rsa_size = broker.config.signing_keys.rsa_bits;
        new.push((make(&broker.house_key, algorithm, rsa_size, signs_from, now).await?, follows));
    }
    let mut transaction = broker.db.begin().await?;
    if withdrawing {
        for (key, _) in &new {
            store::drop_line(&mut transaction, key.algorithm).await?;
        }
        withdraw(broker, &mut transaction).await?;
    }
    for (key, follows) in &new {
        if !store::insert(&mut transaction, key, follows).await? {
            return Err(follows_already(key.algorithm));
        }
    }
    transaction.commit().await?;
    follow(broker).await?;
    let following = |(key, _): (StoredKey, &str)| {
        let StoredKey { kid, algorithm, signs_from, .. } = key;
        tracing::warn!(kid, %algorithm, %signs_from, withdrawing, "another signing key follows");
        Following { kid, algorithm, signs_from }
    };
    Ok(new.into_iter().map(following).collect())
}

/// The name under which the first key of a line follows: there is one at the most, however many servers make it.
fn first_of(algorithm: Algorithm) -> &'static str {
    algorithm.into()
}

fn follows_already(algorithm: Algorithm) -> Error {
    Error::Conflict(format!(
        "A new {algorithm} key is about to follow already; `attache signing-key list` says when."
    ))
}

/// Has another key follow each that has signed for as long as the configuration says.
///
/// # Errors
/// When the database does not answer; what is due then is so the next time.
pub async fn rotate_due(broker: &Broker) -> Result<(), Error> {
    let days = i64::from(broker.config.signing_keys.rotate_after_days);
    if days == 0 {
        return Ok(());
    }
    let now = broker.db.lease_now(&broker.clock).await?;
    let stored = store::signing_keys(&broker.db).await?;
    let mut newest: Vec<&StoredKey> = Vec::new();
    for key in &stored {
        if newest.iter().all(|newer| newer.algorithm != key.algorithm) {
            newest.push(key);
        }
    }
    for key in newest.into_iter().filter(|key| key.begins().plus(days * DAY) <= now) {
        match rotate(broker, Some(key.algorithm), false).await {
            Ok(_) => {}
            // Another server was quicker.
            Err(Error::Conflict(_)) => follow(broker).await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Removes the keys that are not published any more.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(broker: &Broker) -> Result<(), Error> {
    let (keys, now) = (broker.signing_keys.keys(), broker.clock.now());
    let over: Vec<_> = keys.iter().enumerate().filter(|(at, _)| !is_needed(&keys, *at, now)).collect();
    for (_, key) in &over {
        store::drop_signing_key(&broker.db, &key.kid).await?;
        tracing::warn!(kid = key.kid, "a signing key that nothing needs any more is destroyed");
    }
    if over.is_empty() { Ok(()) } else { follow(broker).await }
}

/// Seals the private keys with the present house key.
///
/// # Errors
/// When one does not open; when the database does not answer.
pub async fn seal_anew(broker: &Broker) -> Result<(), Error> {
    for stored in store::signing_keys(&broker.db).await? {
        let place = place(&stored.kid);
        let private_key =
            broker.house_key.seal(&place, &broker.house_key.open(&place, &stored.private_key)?)?;
        let anew = StoredKey { data_kid: broker.house_key.kid(), private_key, ..stored };
        store::replace_private_key(&broker.db, &anew).await?;
    }
    Ok(())
}

/// What is said of one key, for the operator.
#[derive(Debug)]
pub struct Standing {
    pub kid: String,
    pub algorithm: Algorithm,
    pub created_at: Timestamp,
    pub role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Published, and signs from a moment on.
    ToCome(Timestamp),
    Signs,
    /// Published until a moment, for what it signed.
    Followed(Timestamp),
}

/// The signing keys, line by line, the last to sign first.
///
/// # Errors
/// When the database does not answer.
pub async fn standing(broker: &Broker) -> Result<Vec<Standing>, db::Error> {
    let (mut stored, now) = (store::signing_keys(&broker.db).await?, broker.clock.now());
    stored.sort_by_key(|key| key.algorithm);
    let role = |at: usize| {
        let key: &StoredKey = &stored[at];
        let successor = stored[..at].last().filter(|successor| successor.algorithm == key.algorithm);
        match successor {
            _ if key.signs_from > now => Role::ToCome(key.signs_from),
            Some(successor) if successor.signs_from <= now => {
                Role::Followed(successor.signs_from.plus(TRAIL))
            }
            _ => Role::Signs,
        }
    };
    let standing = |(at, key): (usize, &StoredKey)| Standing {
        kid: key.kid.clone(),
        algorithm: key.algorithm,
        created_at: key.created_at,
        role: role(at),
    };
    Ok(stored.iter().enumerate().map(standing).collect())
}
