//! Moves SQLite's write-ahead log into the database file, on a connection of its own, so that no change ever waits
//! for it; copies the whole on the same connection. Writes nothing else.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::AnyConnection;
use tokio::sync::Mutex;

/// How often the log is moved.
const EVERY: Duration = Duration::from_secs(1);
/// Bytes of log below which moving it can wait.
const SMALL: u64 = 1 << 20;
/// Bytes from which the file itself is made small again, though a change may then wait for a moment.
const LARGE: u64 = 256 << 20;

#[derive(Debug)]
pub struct Checkpointer {
    connection: Mutex<AnyConnection>,
    log: PathBuf,
    /// Truncations asked for, and how many of them are done.
    asked: AtomicU64,
    done: AtomicU64,
}

impl Checkpointer {
    /// Starts moving the log, until nobody holds the database any more.
    pub(super) fn start(connection: AnyConnection, log: PathBuf) -> Arc<Self> {
        let checkpointer = Arc::new(Self {
            connection: Mutex::new(connection),
            log,
            asked: AtomicU64::new(0),
            done: AtomicU64::new(0),
        });
        let held = Arc::downgrade(&checkpointer);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                let Some(checkpointer) = held.upgrade() else { return };
                let outcome = match checkpointer.log_size() {
                    0..SMALL => Ok(()),
                    SMALL..LARGE => checkpointer.run("PASSIVE").await,
                    _ => checkpointer.truncate().await,
                };
                if let Err(error) = outcome {
                    tracing::warn!(%error, "the log could not be moved into the database yet");
                }
            }
        });
        checkpointer
    }

    /// Empties the log, in which a destroyed secret would otherwise stand until it is overwritten.
    ///
    /// # Errors
    /// When somebody is in the way; a later call then does it.
    pub async fn truncate(&self) -> Result<(), sqlx::Error> {
        let mine = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut connection = self.connection.lock().await;
        if self.done.load(Ordering::SeqCst) >= mine {
            // Another one that began after this was asked for has done it.
            return Ok(());
        }
        let begun = self.asked.load(Ordering::SeqCst);
        // The long part first, beside whoever writes; what is left then is short.
        sqlx::raw_sql("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut *connection).await?;
        sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *connection).await?;
        self.done.store(begun, Ordering::SeqCst);
        Ok(())
    }

    /// Copies the database as it is at this moment into an empty file. Until it is done the log is not moved, and grows.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) async fn copy_into(&self, file: &Path) -> Result<(), sqlx::Error> {
        let mut connection = self.connection.lock().await;
        let copy = sqlx::query("VACUUM INTO $1").bind(file.to_string_lossy().into_owned());
        copy.execute(&mut *connection).await.map(drop)
    }

    async fn run(&self, mode: &'static str) -> Result<(), sqlx::Error> {
        // Only a constant is joined.
        let pragma = sqlx::AssertSqlSafe(format!("PRAGMA wal_checkpoint({mode})"));
        sqlx::raw_sql(pragma).execute(&mut *self.connection.lock().await).await.map(drop)
    }

    fn log_size(&self) -> u64 {
        std::fs::metadata(&self.log).map_or(0, |log| log.len())
    }
}
