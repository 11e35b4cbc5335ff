//! Changes to the database. On PostgreSQL each is a transaction of its own. SQLite has one writer: changes take turns
//! on its one connection and are committed together, one `fsync` for all that were waiting; each is answered after
//! the commit that holds it. Nobody else writes, so nobody meets a locked database. Reads nothing for anybody.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions, Connection, Row};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::error::Error;
use super::fault::Faults;
use super::pool::DbConnection;
use super::pragmas::{Role, set_pragmas};
use super::sidecar::Sidecar;
use super::turn::{AfterCommit, Turn, Waiting, lend};

/// How many changes are committed together at the most: the first of them waits for the last.
const BATCH: usize = 64;
/// How long a change waits for its turn before its caller is told that the database is busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// A change that is being made. Dropped without [`Transaction::commit`], nothing of it was done.
pub struct Transaction {
    connection: DbConnection,
    after: Vec<AfterCommit>,
    counts: bool,
}

impl Transaction {
    /// On a connection on which one has begun.
    pub(super) const fn on(connection: DbConnection) -> Self {
        Self { connection, after: Vec::new(), counts: false }
    }

    /// What this process holds in memory of the rows that change is dropped here: after the commit, before the
    /// answer, and also when nobody waits for the answer any more.
    pub fn after_commit(&mut self, forget: impl FnOnce() + Send + 'static) {
        self.after.push(Box::new(forget));
    }

    /// An old copy of the database would undo this change, which others have seen: it counts among those by which such
    /// a copy is recognised, see [`super::sidecar`].
    pub const fn count(&mut self) {
        self.counts = true;
    }

    /// Returns once the change is durable.
    ///
    /// # Errors
    /// When the database does not say so; what was changed with it is not known to be.
    pub async fn commit(self) -> Result<(), Error> {
        self.connection.strike("COMMIT")?;
        if self.connection.is_of_sqlite() {
            let turn = self.connection.into_turn().ok_or(sqlx::Error::PoolClosed)?;
            return Ok(turn.end(self.after, self.counts).await?);
        }
        let committed = self.connection.commit().await;
        self.after.into_iter().for_each(|forget| forget());
        Ok(committed?)
    }
}

impl Deref for Transaction {
    type Target = DbConnection;

    fn deref(&self) -> &DbConnection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut DbConnection {
        &mut self.connection
    }
}

/// The writer of a SQLite file, as those see it who want to change something.
#[derive(Clone, Debug)]
pub struct Writer {
    asked: mpsc::Sender<oneshot::Sender<Turn>>,
    faults: Arc<Faults>,
}

impl Writer {
    /// Starts the writer on a connection of its own. It ends when the last [`Writer`] is dropped.
    pub(super) fn start(
        connection: AnyConnection,
        options: AnyConnectOptions,
        sidecar: Arc<Sidecar>,
        faults: Arc<Faults>,
    ) -> Self {
        let (asked, turns) = mpsc::channel(1024);
        tokio::spawn(write(connection, options, sidecar, turns));
        Self { asked, faults }
    }

    /// # Errors
    /// [`Error::Busy`] when the turn does not come in time.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let (mine, turn) = oneshot::channel();
        let turn = timeout(PATIENCE, async {
            self.asked.send(mine).await.map_err(|_| sqlx::Error::PoolClosed)?;
            turn.await.map_err(|_| sqlx::Error::PoolClosed)
        });
        let turn = turn.await.map_err(|_| sqlx::Error::PoolTimedOut)??;
        Ok(Transaction::on(DbConnection::of_turn(turn, Arc::clone(&self.faults))))
    }
}

/// Gives turns, one after another, and commits after those that were waiting have had theirs.
async fn write(
    mut connection: AnyConnection,
    options: AnyConnectOptions,
    sidecar: Arc<Sidecar>,
    mut turns: mpsc::Receiver<oneshot::Sender<Turn>>,
) {
    while let Some(first) = turns.recv().await {
        // `batch` proves at the end that this is still the transaction that the changes were made in: SQLite ends
        // one by itself when a disk is full.
        let begun =
            sqlx::raw_sql("BEGIN IMMEDIATE; SAVEPOINT batch; SAVEPOINT change").execute(&mut connection);
        if let Err(error) = begun.await {
            tracing::error!(%error, "a change could not be begun");
            // The caller is told by the closed channel.
            drop(first);
            connection = mended(connection, &options).await;
            continue;
        }
        let mut waiting: Vec<Waiting> = Vec::new();
        let mut next = Some(first);
        let mut broken = None;
        while let Some(asker) = next.take() {
            let Some(returned) = lend(connection, asker).await else { return };
            connection = returned.connection;
            let then = match returned.waiting {
                Some(change) => {
                    waiting.push(change);
                    "SAVEPOINT change"
                }
                None => "ROLLBACK TO change",
            };
            next = if waiting.len() < BATCH { turns.try_recv().ok() } else { None };
            // An abandoned change is undone also when it was the last.
            if (next.is_some() || then == "ROLLBACK TO change")
                && let Err(error) = sqlx::raw_sql(then).execute(&mut connection).await
            {
                // What was given up may still be in there: then none of it is committed.
                broken = Some(error);
                next = None;
            }
        }
        let counts = waiting.iter().any(|change| change.counts);
        let committed = match broken {
            Some(error) => Err(error),
            None => commit(&mut connection, counts).await,
        };
        if let Ok(Some(changes)) = committed {
            sidecar.follow(changes);
        }
        if let Err(error) = &committed {
            tracing::error!(%error, changes = waiting.len(), "changes could not be committed");
            connection = mended(connection, &options).await;
        }
        for change in waiting {
            change.after.into_iter().for_each(|forget| forget());
            let _ = change.told.send(match &committed {
                Ok(_) => Ok(()),
                Err(error) => Err(sqlx::Error::Protocol(format!("the commit failed: {error}"))),
            });
        }
    }
    let _ = connection.close().await;
}

/// Commits a batch; the number that the database has come to, if one of its changes counts.
async fn commit(connection: &mut AnyConnection, counts: bool) -> Result<Option<i64>, sqlx::Error> {
    let mut changes = None;
    if counts {
        let count = "UPDATE copy_mark SET changes = changes + 1 WHERE id = 1 RETURNING changes";
        let row = sqlx::query(count).fetch_optional(&mut *connection).await?;
        changes = row.map(|row| row.try_get("changes")).transpose()?;
    }
    sqlx::raw_sql("RELEASE batch; COMMIT").execute(connection).await?;
    Ok(changes)
}

/// A connection without an open transaction: the same one, or another when it is broken.
async fn mended(mut connection: AnyConnection, options: &AnyConnectOptions) -> AnyConnection {
    // There may be none to roll back; what matters is that there is none afterwards.
    let _ = sqlx::raw_sql("ROLLBACK").execute(&mut connection).await;
    let mut pause = Duration::from_millis(20);
    loop {
        let works = async {
            sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(&mut connection).await?;
            Ok::<_, sqlx::Error>(())
        };
        if works.await.is_ok() {
            return connection;
        }
        if let Ok(mut other) = options.connect().await
            && set_pragmas(&mut other, Role::Writer).await.is_ok()
        {
            connection = other;
            continue;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}
