//! Records hand-outs without a write on every token read: the first of a (caller, connection, generation,
//! environment) on a day is a durable row before the token leaves, written together with whoever else's; the rest are
//! counters.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::PoisonError;

use hashbrown::Equivalent;
use tokio::sync::oneshot;
use tracing::Instrument;

use super::counted::{Counted, HandOutLine, Repeats};
use super::store;
use crate::Broker;
use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::error::Error;

/// What was handed to whom.
#[derive(Clone, Copy, Debug)]
pub struct HandOut<'a> {
    /// A caller's id; `bearer` when the access token itself asked; an account's id when its person did, in a browser.
    pub caller_id: &'a str,
    /// Whose it is; None for a caller's own.
    pub account_id: Option<&'a str>,
    /// None when what was given is of no connection.
    pub connection: Option<&'a Connection>,
    /// Which environment a content token was for; None for an access token.
    pub environment_id: Option<&'a str>,
    /// Days since 1970, UTC.
    pub day: i64,
}

impl<'a> HandOut<'a> {
    /// Something of this connection, handed to somebody today.
    #[must_use]
    pub fn of(
        connection: &'a Connection,
        caller_id: &'a str,
        environment_id: Option<&'a str>,
        now: Timestamp,
    ) -> Self {
        let (account_id, connection) = (Some(connection.account_id.as_str()), Some(connection));
        Self { caller_id, account_id, connection, environment_id, day: day(now) }
    }

    /// Something of its own, given to a caller today.
    #[must_use]
    pub fn own(caller_id: &'a str, environment_id: &'a str, now: Timestamp) -> Self {
        let environment_id = Some(environment_id);
        Self { caller_id, account_id: None, connection: None, environment_id, day: day(now) }
    }

    /// Something of their own, given to somebody who is signed in.
    #[must_use]
    pub fn to_person(account_id: &'a str, environment_id: &'a str, now: Timestamp) -> Self {
        Self { account_id: Some(account_id), ..Self::own(account_id, environment_id, now) }
    }

    /// Empty for what is of no connection.
    fn connection_id(&self) -> &str {
        self.connection.map_or("", |connection| connection.id.as_str())
    }

    fn generation(&self) -> i64 {
        self.connection.map_or(0, |connection| connection.access_generation)
    }

    fn to_line(self) -> HandOutLine {
        HandOutLine {
            caller_id: self.caller_id.to_owned(),
            connection_id: self.connection_id().to_owned(),
            account_id: self.account_id.unwrap_or_default().to_owned(),
            app_id: self.connection.map(|connection| connection.app_id.clone()).unwrap_or_default(),
            generation: self.generation(),
            environment_id: self.environment_id.map(str::to_owned),
            day: self.day,
        }
    }
}

/// Since 1970, UTC.
fn day(now: Timestamp) -> i64 {
    now.unix().div_euclid(86_400)
}

/// As the line that it is counted on, so that counting a repeat copies nothing.
impl Hash for HandOut<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.caller_id, self.connection_id(), self.generation(), self.day).hash(state);
    }
}

impl Equivalent<HandOutLine> for HandOut<'_> {
    fn equivalent(&self, line: &HandOutLine) -> bool {
        self.connection_id() == line.connection_id
            && self.caller_id == line.caller_id
            && self.generation() == line.generation
            && self.environment_id == line.environment_id.as_deref()
            && self.day == line.day
    }
}

/// Seconds by which a connection's last use may be out of date on the pages.
const LAST_USE: i64 = 60;
/// Seconds after which a hand-out that was not repeated is no longer counted in memory.
const IDLE: i64 = 600;
/// Hand-outs from which on only those are remembered that were repeated within the last second.
const REMEMBERED: usize = 20_000;
/// Rows that one statement writes at the most.
const ROWS: usize = 64;

/// To be awaited before the token leaves.
///
/// # Errors
/// When the first hand-out could not be made durable: then nothing may be handed out.
pub async fn record(broker: &Broker, hand_out: &HandOut<'_>) -> Result<(), Error> {
    let now = broker.clock.now();
    {
        let mut repeats = broker.ledger.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = repeats.get_mut(hand_out) {
            known.times += 1;
            known.last_at = now;
            return Ok(());
        }
    }
    let line = hand_out.to_line();
    let (told, written) = oneshot::channel();
    let begins = {
        let mut firsts = broker.ledger.firsts.lock().unwrap_or_else(PoisonError::into_inner);
        firsts.waiting.push((Counted { line: line.clone(), times: 1, last_at: now }, told));
        !std::mem::replace(&mut firsts.writing, true)
    };
    if begins {
        broker.tasks.spawn(write_firsts(broker.clone()).in_current_span());
    }
    if !written.await.unwrap_or(false) {
        return Err(Error::Unwritten);
    }
    let mut repeats = broker.ledger.repeats.lock().unwrap_or_else(PoisonError::into_inner);
    repeats.entry(line).or_insert(Repeats { times: 0, last_at: now, told: None });
    Ok(())
}

/// Writes what is waiting until nothing is: what comes while one statement is under way goes into the next one.
async fn write_firsts(broker: Broker) {
    loop {
        let waiting = {
            let mut firsts = broker.ledger.firsts.lock().unwrap_or_else(PoisonError::into_inner);
            if firsts.waiting.is_empty() {
                firsts.writing = false;
                return;
            }
            let many = firsts.waiting.len().min(ROWS);
            firsts.waiting.drain(..many).collect::<Vec<_>>()
        };
        // One row for each, also when several ask for the same at once: a statement changes no row twice.
        let mut counted: HashMap<HandOutLine, Counted> = HashMap::new();
        let mut askers = Vec::new();
        for (first, asker) in waiting {
            askers.push(asker);
            counted.entry(first.line.clone()).and_modify(|known| known.times += 1).or_insert(first);
        }
        let written = store::add_hand_outs(&broker.db, &broker.ledger, counted.into_values().collect()).await;
        if let Err(error) = &written {
            tracing::error!(%error, "hand-outs could not be written, so nothing is handed out");
        }
        for asker in askers {
            let _ = asker.send(written.is_ok());
        }
    }
}

/// Writes the counters. Hand-outs that were not repeated for ten minutes are forgotten, so that the memory
/// follows what is in use.
///
/// # Errors
/// When the database does not answer; the counters are kept for the next time.
pub async fn flush(broker: &Broker) -> Result<(), Error> {
    let (mut counted, used) = {
        let mut repeats = broker.ledger.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        collect(&mut repeats, broker.clock.now())
    };
    counted.sort_by(|one, other| one.line.cmp(&other.line));
    while !counted.is_empty() {
        let chunk: Vec<Counted> = counted.drain(..counted.len().min(ROWS)).collect();
        if let Err(error) = store::add_hand_outs(&broker.db, &broker.ledger, chunk.clone()).await {
            put_back(broker, chunk.into_iter().chain(counted));
            return Err(error.into());
        }
    }
    let mut used: Vec<(String, Timestamp)> = used.into_iter().collect();
    used.sort();
    for chunk in used.chunks(ROWS) {
        store::tell_last_use(&broker.db, chunk).await?;
    }
    Ok(())
}

/// What is to be written of these counters, and which connections are to be told of their last use. Forgets what is not
/// in use: what is handed out again after that is a first one once more, which only costs a write.
fn collect(
    repeats: &mut hashbrown::HashMap<HandOutLine, Repeats>,
    now: Timestamp,
) -> (Vec<Counted>, HashMap<String, Timestamp>) {
    let (mut counted, mut used) = (Vec::new(), HashMap::new());
    let (crowded, idle_since) = (repeats.len() > REMEMBERED, now.plus(-IDLE));
    repeats.retain(|line, known| {
        let repeated = known.times > 0;
        if repeated {
            counted.push(Counted { line: line.clone(), times: known.times, last_at: known.last_at });
            known.times = 0;
        }
        if known.told.is_none_or(|told| told.plus(LAST_USE) <= known.last_at) {
            let last = used.entry(line.connection_id.clone()).or_insert(known.last_at);
            *last = known.last_at.max(*last);
            known.told = Some(known.last_at);
        }
        known.last_at > idle_since && (repeated || !crowded)
    });
    (counted, used)
}

fn put_back(broker: &Broker, unwritten: impl Iterator<Item = Counted>) {
    let mut repeats = broker.ledger.repeats.lock().unwrap_or_else(PoisonError::into_inner);
    for counted in unwritten {
        let entry = repeats.entry(counted.line);
        let known = entry.or_insert(Repeats { times: 0, last_at: counted.last_at, told: None });
        known.times += counted.times;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize) -> HandOutLine {
        HandOutLine {
            connection_id: format!("Et{number}"),
            caller_id: "ca_1".to_owned(),
            generation: 1,
            environment_id: None,
            day: 1,
            account_id: "ac_1".to_owned(),
            app_id: "app_1".to_owned(),
        }
    }

    #[test]
    fn memory_follows_what_is_repeated_and_nothing_that_was_counted_is_dropped() {
        let now = Timestamp::from_unix(1_000_000);
        let repeats = |number: usize| Repeats { times: i64::from(number < 10), last_at: now, told: None };
        let mut known: hashbrown::HashMap<_, _> =
            (0..REMEMBERED + 1000).map(|number| (line(number), repeats(number))).collect();
        let (counted, used) = collect(&mut known, now);
        assert_eq!((counted.len(), used.len(), known.len()), (10, REMEMBERED + 1000, 10));
        // Told a moment ago, and again only when a minute has passed.
        let (counted, used) = collect(&mut known, now.plus(1));
        assert_eq!((counted.len(), used.len(), known.len()), (0, 0, 10));
        let (_, _) = collect(&mut known, now.plus(IDLE));
        assert!(known.is_empty());
    }
}
