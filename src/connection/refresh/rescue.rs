//! The rescue journal: refreshed grants that the database would not take, sealed as they would have been stored, each
//! line synced to a file beside it before anything else is tried. Read back at the next start. Never holds a secret in
//! clear.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::store;
use crate::clock::Timestamp;
use crate::connection::state::Status;
use crate::connection::{self, Connection, SealedTokens};
use crate::db::sqlite_path;
use crate::error::Error;
use crate::issuer::scope::Scopes;
use crate::ledger::Entry;
use crate::secret::TokenHash;
use crate::vault::Sealed;
use crate::{App, restore};

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
            token_type: self.token_type.clone(),
            granted_scopes: Scopes::lenient(&self.granted_scopes),
            flaw: self.flaw.as_deref().and_then(|flaw| flaw.parse().ok()),
        }
    }
}

/// Returns once the grant would survive a power cut.
///
/// # Errors
/// When the file cannot be written.
pub(super) async fn append(
    app: &App,
    connection: &Connection,
    fence: i64,
    tokens: &SealedTokens,
) -> Result<(), Error> {
    let path = path(app);
    let line = serde_json::to_string(&Line::of(connection, fence, tokens))
        .map_err(|error| unwritable(&error.into()))?;
    on_a_thread(move || {
        let _turn = turn(&path)?;
        let new = !path.exists();
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        // A line that a crash cut short must not swallow this one; in one write, so that nobody reads half of it.
        file.write_all(format!("\n{line}\n").as_bytes())?;
        file.sync_data()?;
        if new { sync_directory(&path) } else { Ok(()) }
    })
    .await
}

/// Takes out what was stored after all.
pub(super) async fn remove(app: &App, connection_id: &str, generation: i64) -> Result<(), Error> {
    let id = connection_id.to_owned();
    keep(app, move |line| (line.connection_id.as_str(), line.generation) != (id.as_str(), generation)).await
}

/// Stores what an earlier process had to leave behind. What cannot be stored yet stays in the journal, and all of it
/// while the database is a restored copy of which the operator has not spoken: it may be the newest one's.
///
/// # Errors
/// When the journal cannot be read or the database does not answer.
pub async fn replay(app: &App) -> Result<(), Error> {
    if restore::open(app).await?.is_some() {
        return Ok(());
    }
    replay_for_the_copy(app).await
}

/// The same, when the operator has spoken.
///
/// # Errors
/// When the journal cannot be read or the database does not answer.
pub async fn replay_for_the_copy(app: &App) -> Result<(), Error> {
    let path = path(app);
    if !path.exists() {
        return Ok(());
    }
    for line in read(&path).map_err(|error| unwritable(&error))? {
        let stored = store_line(app, &line).await?;
        tracing::warn!(connection = line.connection_id, stored, "a grant was in the rescue journal");
        keep(app, move |other| {
            (other.connection_id.as_str(), other.generation) != (line.connection_id.as_str(), line.generation)
        })
        .await?;
    }
    Ok(())
}

/// False when the row has moved on or is gone: then nobody needs it.
async fn store_line(app: &App, line: &Line) -> Result<bool, Error> {
    let row = connection::store::by_id(&app.db, &line.connection_id).await?;
    let Some(row) = row.filter(|row| row.generation == line.generation) else { return Ok(false) };
    let (tokens, entry) = (line.tokens(), Entry::of(&row, "attache"));
    if row.status == Status::Revoking {
        // The issuer is to be told of the newer token.
        return Ok(store::keep_late(app, &row, tokens.refresh_token.as_ref()).await?);
    }
    Ok(store::commit_refresh(app, &row, line.fence, &tokens, &entry, app.clock.now()).await?)
}

/// Writes the journal anew with the lines that are still needed; without any, there is no journal.
async fn keep(app: &App, needed: impl Fn(&Line) -> bool + Send + 'static) -> Result<(), Error> {
    let path = path(app);
    on_a_thread(move || {
        let _turn = turn(&path)?;
        let mut text = String::new();
        for line in read(&path)?.into_iter().filter(needed) {
            text.push_str(&serde_json::to_string(&line).map_err(io::Error::other)?);
            text.push('\n');
        }
        if text.is_empty() {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed.and_then(|()| sync_directory(&path)),
            };
        }
        let beside = path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        sync_directory(&path)
    })
    .await
}

/// The lines that are whole.
fn read(path: &Path) -> io::Result<Vec<Line>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let lines = text.lines().filter(|line| !line.is_empty());
    Ok(lines.filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// Beside a SQLite database, unless the configuration says where.
fn path(app: &App) -> PathBuf {
    let database = &app.config.database;
    database.rescue_journal.clone().unwrap_or_else(|| match sqlite_path(&database.url) {
        Some(file) => file.with_extension("rescue"),
        None => PathBuf::from("attache.rescue"),
    })
}

/// The turn to change the journal, among all processes that were given the same one.
fn turn(path: &Path) -> io::Result<File> {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(beside)?;
    file.lock()?;
    Ok(file)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

async fn on_a_thread(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<(), Error> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.unwrap_or_else(|_| Err(io::Error::other("the thread ended")));
    done.map_err(|error| unwritable(&error))
}

fn unwritable(error: &io::Error) -> Error {
    Error::Internal(format!("The rescue journal cannot be used: {error}"))
}
