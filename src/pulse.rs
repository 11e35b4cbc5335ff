//! Whether the database takes a write: one is tried every few seconds, so that `/readyz` knows of a full disk before a
//! caller does. Only says so; a token that can be handed out without a write is handed out all the same.

mod store;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::Broker;

/// How often a write is tried.
const EVERY: Duration = Duration::from_secs(3);
/// A write that takes longer has not been taken.
const PATIENCE: Duration = Duration::from_secs(2);

/// What became of the last try.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<Option<String>>);

impl Pulse {
    /// Why the database takes no write; None while it does.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is(&self, trouble: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// Tries again and again. Ends when the server drains.
pub async fn run(broker: Broker) {
    let mut moment = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = broker.draining.cancelled() => return,
            _ = moment.tick() => beat(&broker).await,
        }
    }
}

/// One try.
pub async fn beat(broker: &Broker) {
    let (db, now) = (broker.db.clone(), broker.clock.now());
    // In a task: whoever gives up waiting must not cut a statement off in the middle.
    let writing = tokio::spawn(async move { store::beat(&db, now).await });
    let trouble = match timeout(PATIENCE, writing).await {
        Ok(Ok(Ok(()))) => None,
        Ok(Ok(Err(error))) => Some(cause(&error.to_string())),
        Ok(Err(_)) => Some("a write could not be tried".to_owned()),
        Err(_) => {
            let seconds = PATIENCE.as_secs();
            Some(format!("the database hangs: it has not taken a write for {seconds} seconds"))
        }
    };
    if let Some(why) = trouble.as_ref().filter(|why| broker.pulse.trouble().as_ref() != Some(why)) {
        tracing::error!(why, "the database takes no write");
    }
    broker.pulse.is(trouble);
}

/// In an operator's words, where it is known what the database means. Both say it in English, whatever the locale: SQLite
/// always, PostgreSQL in the part that is looked for.
fn cause(said: &str) -> String {
    let lower = said.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if says(&["disk is full", "disk full", "no space left", "could not extend file"]) {
        "the database's disk is full: make room on it".to_owned()
    } else if says(&["readonly database", "read-only"]) {
        "the database is read-only: mount its disk for writing, or name the primary in database.url"
            .to_owned()
    } else {
        format!("the database takes no write: {said}")
    }
}

#[cfg(test)]
mod tests {
    use super::cause;

    #[test]
    fn a_full_and_a_read_only_disk_are_named_in_the_words_of_either_database() {
        for full in [
            "(code: 13) database or disk is full",
            "could not extend file \"base/1\": No space left on device",
        ] {
            assert!(cause(full).contains("disk is full"), "{full}");
        }
        for read_only in
            ["attempt to write a readonly database", "cannot execute INSERT in a read-only transaction"]
        {
            assert!(cause(read_only).contains("read-only"), "{read_only}");
        }
        assert!(cause("disk I/O error").contains("disk I/O error"));
    }
}
