//! The rescue journal: refreshed grants that the database would not take, sealed as they would have been stored, each
//! synced to a file of its own before anything else is tried. Read back at the next start. Never holds a secret in
//! clear.

mod journal;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use journal::Journal;
use serde::{Deserialize, Serialize};

use super::store;
use crate::clock::Timestamp;
use crate::config::Database;
use crate::connection::status::Status;
use crate::connection::{self, Connection, SealedTokens};
use crate::db::sqlite_path;
use crate::error::Error;
use crate::issuer::scope::Scopes;
use crate::ledger::Entry;
use crate::secret::TokenHash;
use crate::vault::Sealed;
use crate::{Broker, restore};

/// Bytes that are allocated for each place at an issuer, which a refresh keeps until it is stored: two tokens of 20 KiB.
const ROOM: u64 = 64 * 1024;

/// One grant that waits to be stored.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    connection_id: String,
    /// Of the row that it is to replace.
    generation: i64,
    /// Of the lease under which it was brought.
    fence: i64,
    access_token: Option<String>,
    access_token_hash: Option<String>,
    access_expires_at: Option<i64>,
    refresh_token: Option<String>,
    #[serde(default)]
    token_type: Option<String>,
    granted_scopes: String,
    /// What is wrong with the answer, by its word.
    #[serde(default)]
    flaw: Option<String>,
}

impl Line {
    fn of(connection: &Connection, fence: i64, tokens: &SealedTokens) -> Self {
        Self {
            connection_id: connection.id.clone(),
            generation: connection.generation,
            fence,
            access_token: tokens.access_token.as_ref().map(|sealed| sealed.0.clone()),
            access_token_hash: tokens.access_token_hash.as_ref().map(|hash| hash.as_str().to_owned()),
            access_expires_at: tokens.access_expires_at.map(Timestamp::unix),
            refresh_token: tokens.refresh_token.as_ref().map(|sealed| sealed.0.clone()),
            token_type: tokens.token_type.clone(),
            granted_scopes: tokens.granted_scopes.to_string(),
            flaw: tokens.flaw.map(|flaw| <&str>::from(flaw).to_owned()),
        }
    }

    fn tokens(&self) -> SealedTokens {
        SealedTokens {
            access_token: self.access_token.clone().map(Sealed),
            access_token_hash: self.access_token_hash.clone().map(TokenHash::stored),
            access_expires_at: self.access_expires_at.map(Timestamp::from_unix),
            refresh_token: self.refresh_token.clone().map(Sealed),
            // Told anew by the next answer.
            refresh_expires_at: None,
            token_type: self.token_type.clone(),
            granted_scopes: Scopes::lenient(&self.granted_scopes),
            flaw: self.flaw.as_deref().and_then(|flaw| flaw.parse().ok()),
        }
    }
}

/// Allocates the journal, so that each refresh that can be under way at one time finds room in it on a full disk. Then it
/// is tried: nobody is to learn that it cannot be written when it is the last that holds a grant.
///
/// # Errors
/// When it cannot be made, written, synced or read, or the disk has no room for it.
pub async fn prepare(broker: &Broker) -> Result<(), Error> {
    let issuers = crate::app::issuers(broker).await?;
    let places: u64 = issuers.iter().map(|issuer| u64::from(issuer.profile.calls_at_once.max(1))).sum();
    let place = broker.config.database.rescue_journal();
    make_directory(&place).map_err(|error| unwritable(&place, &error))?;
    on_a_thread(broker, move |journal| {
        journal.make_room(places * ROOM)?;
        journal.try_out()
    })
    .await?;
    tracing::info!(rescue_journal = %place.display(), "refreshed grants that the database does not take go there");
    Ok(())
}

/// Tries the place without a server. What was not there is not there afterwards: whoever checks may be somebody else than
/// whoever serves.
///
/// # Errors
/// A sentence with the place and the cause.
pub fn check(database: &Database) -> Result<PathBuf, String> {
    let place = database.rescue_journal();
    let tried = if place.exists() {
        Journal::open(&place).and_then(|journal| journal.try_out())
    } else {
        Journal::try_beside(&place)
    };
    match tried {
        Ok(()) => Ok(place),
        Err(error) => Err(unwritable(&place, &error).to_string()),
    }
}

/// The state directory, if it is missing: its owner's alone.
fn make_directory(place: &Path) -> io::Result<()> {
    let Some(directory) = place.parent().filter(|directory| !directory.as_os_str().is_empty()) else {
        return Ok(());
    };
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// Returns once the grant would survive a power cut.
///
/// # Errors
/// When the file cannot be written.
pub(crate) async fn append(
    broker: &Broker,
    connection: &Connection,
    fence: i64,
    tokens: &SealedTokens,
) -> Result<(), Error> {
    let line = serde_json::to_string(&Line::of(connection, fence, tokens))
        .map_err(|error| unwritable(&broker.config.database.rescue_journal(), &error.into()))?;
    on_a_thread(broker, move |journal| journal.add(&line)).await
}

/// Takes out what was stored after all.
pub(crate) async fn remove(broker: &Broker, connection_id: &str, generation: i64) -> Result<(), Error> {
    on_a_thread(broker, take_out(connection_id, generation)).await
}

fn take_out(connection_id: &str, generation: i64) -> impl FnOnce(&Journal) -> io::Result<()> + Send + use<> {
    let id = connection_id.to_owned();
    let other = move |text: &str| {
        read(text)
            .is_none_or(|line| (line.connection_id.as_str(), line.generation) != (id.as_str(), generation))
    };
    move |journal| journal.retain(other)
}

/// Stores what an earlier process had to leave behind. What cannot be stored yet stays in the journal, and all of it
/// while the database is a restored copy of which the operator has not spoken: it may be the newest one's.
///
/// # Errors
/// When the journal cannot be read or the database does not answer.
pub async fn replay(broker: &Broker) -> Result<(), Error> {
    if restore::open(broker).await?.is_some() {
        return Ok(());
    }
    replay_for_the_copy(broker).await
}

/// The same, when the operator has spoken.
///
/// # Errors
/// When the journal cannot be read or the database does not answer.
pub async fn replay_for_the_copy(broker: &Broker) -> Result<(), Error> {
    for place in places(&broker.config.database).into_iter().filter(|place| place.exists()) {
        for line in at(&place, Journal::entries).await?.iter().filter_map(|text| read(text)) {
            let stored = store_line(broker, &line).await?;
            tracing::warn!(connection = line.connection_id, stored, "a grant was in the rescue journal");
            at(&place, take_out(&line.connection_id, line.generation)).await?;
        }
    }
    Ok(())
}

/// The journal, and where it was by default in earlier versions: what is left there is not forgotten.
fn places(database: &Database) -> Vec<PathBuf> {
    let before = sqlite_path(&database.url)
        .map_or_else(|| "attache.rescue".into(), |file| file.with_extension("rescue"));
    let place = database.rescue_journal();
    if place == before { vec![place] } else { vec![place, before] }
}

fn read(text: &str) -> Option<Line> {
    serde_json::from_str(text).ok()
}

/// False when the row has moved on or is gone: then nobody needs it.
async fn store_line(broker: &Broker, line: &Line) -> Result<bool, Error> {
    let row = connection::store::by_id(&broker.db, &line.connection_id).await?;
    let Some(row) = row.filter(|row| row.generation == line.generation) else { return Ok(false) };
    let (tokens, entry) = (line.tokens(), Entry::of(&row, "attache"));
    if row.status == Status::Revoking {
        // The issuer is to be told of the newer token.
        return Ok(store::keep_late(broker, &row, tokens.refresh_token.as_ref()).await?);
    }
    Ok(store::commit_refresh(broker, &row, line.fence, &tokens, &entry, broker.clock.now()).await?)
}

async fn on_a_thread<T: Send + 'static>(
    broker: &Broker,
    work: impl FnOnce(&Journal) -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    at(&broker.config.database.rescue_journal(), work).await
}

async fn at<T: Send + 'static>(
    place: &Path,
    work: impl FnOnce(&Journal) -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let path = place.to_owned();
    let done = tokio::task::spawn_blocking(move || work(&Journal::open(&path)?)).await;
    let done = done.unwrap_or_else(|_| Err(io::Error::other("the thread ended")));
    done.map_err(|error| unwritable(place, &error))
}

fn unwritable(place: &Path, error: &io::Error) -> Error {
    Error::Internal(format!(
        "The rescue journal cannot be used: {}: {error}. Name a file in database.rescue_journal, or a directory in \
         database.state_directory, that whoever serves may write",
        place.display()
    ))
}
