//! Opens the database and brings it up to date; says which of the two it is and what time a lease goes by.
//!
//! The rest of the house speaks to it by [`sql`] alone, and hears [`Row`]s or an [`Error`]: the driver below is named in
//! this folder only.
//!
//! The rules of our SQL: `$1` placeholders, each value bound once, TEXT and BIGINT, one state change = one statement, and a
//! transaction's first statement is the write that decides it. Whoever changes several rows of a table that others change
//! too does it a row at a time, in the order of their keys: a statement that picks several locks them in whatever order it
//! finds them, and two of those can wait for each other. On SQLite whatever writes goes through [`write`]; the
//! pool only reads.

mod backup;
mod checkpoint;
pub mod cluster;
mod error;
mod fault;
mod open_error;
mod pool;
mod postgres;
mod pragmas;
pub mod presence;
mod row;
pub mod row_cache;
pub mod schema;
mod servers;
pub mod sidecar;
pub mod snapshot;
mod sql;
mod standing;
mod time;
mod turn;
pub mod victim;
pub mod write;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};

pub use backup::BackupError;
use checkpoint::Checkpointer;
pub use error::{Cause, Error};
pub use fault::{Fault, Faults};
pub use open_error::OpenError;
pub use pool::{DbConnection, Pool};
use postgres::Servers;
use pragmas::{Role, set_pragmas};
pub use row::{Row, json, moment, named, undecodable};
use sidecar::Sidecar;
pub use sql::{Constants, On, Sql, sql};
use write::{Transaction, Writer};

use crate::clock::Timestamp;
use crate::secret::Token;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// Rows that are removed in one transaction: others wait for their turn to write meanwhile.
const AT_ONCE: usize = 500;

/// One of the two databases.
#[derive(Clone, Debug)]
pub struct Db {
    /// For reading; SQLite's refuses to write.
    pub pool: Pool,
    pub kind: Kind,
    alone: Option<Alone>,
    servers: Option<Arc<Servers>>,
}

/// What SQLite needs, where this process is the only one.
#[derive(Clone, Debug)]
struct Alone {
    writer: Writer,
    checkpointer: Arc<Checkpointer>,
    sidecar: Arc<Sidecar>,
}

/// A turn at starting; see [`Db::take_turn`].
pub struct Turn {
    transaction: Option<Transaction>,
}

impl Turn {
    /// # Errors
    /// When PostgreSQL does not answer; the turn has ended all the same.
    pub async fn end(self) -> Result<(), Error> {
        match self.transaction {
            Some(transaction) => transaction.commit().await,
            None => Ok(()),
        }
    }
}

/// Connects, brings the tables up to date, and sets what durability and secrecy need.
///
/// # Errors
/// When the URL is not understood, the database does not answer, or a migration fails; what was done before it stays.
pub async fn open(url: &Token, connections: Option<u32>) -> Result<Db, OpenError> {
    sqlx::any::install_default_drivers();
    match kind(url)? {
        Kind::Sqlite => open_sqlite(url, connections.unwrap_or(4)).await,
        Kind::Postgres => {
            let (pool, servers) = postgres::open(url, connections.unwrap_or(10), Arc::default()).await?;
            Ok(Db { pool, kind: Kind::Postgres, alone: None, servers: Some(Arc::new(servers)) })
        }
    }
}

/// Whether the tables of a PostgreSQL database are those that this program knows. Changes nothing; None on SQLite.
///
/// # Errors
/// When the URL is not understood, or the database does not answer.
pub async fn look(url: &Token) -> Result<Option<schema::State>, OpenError> {
    sqlx::any::install_default_drivers();
    match kind(url)? {
        Kind::Sqlite => Ok(None),
        Kind::Postgres => postgres::look(url).await.map(Some),
    }
}

async fn open_sqlite(url: &Token, readers: u32) -> Result<Db, OpenError> {
    let mut text = url.expose().to_owned();
    if !text.contains("mode=") {
        text.push(if text.contains('?') { '&' } else { '?' });
        text.push_str("mode=rwc");
    }
    let not_a_url = || OpenError::Url("it is no URL of SQLite".to_owned());
    let options = AnyConnectOptions::from_str(&text).map_err(|_| not_a_url())?;
    let connect = async |role| {
        let mut connection = options.connect().await?;
        set_pragmas(&mut connection, role).await?;
        Ok::<_, OpenError>(connection)
    };
    let mut writing = connect(Role::Writer).await?;
    schema::bring_up_to_date(&mut writing).await?;
    let path = sqlite_path(url).ok_or_else(not_a_url)?.into_os_string();
    let (mut log, mut mark) = (path.clone(), path);
    log.push("-wal");
    mark.push(".mark");
    let (sidecar, faults) = (Arc::new(Sidecar::new(mark.into())), Arc::<Faults>::default());
    let alone = Alone {
        writer: Writer::start(writing, options.clone(), Arc::clone(&sidecar), Arc::clone(&faults)),
        sidecar,
        checkpointer: Checkpointer::start(connect(Role::Checkpointer).await?, log.into()),
    };
    let pool = AnyPoolOptions::new()
        .max_connections(readers.max(1))
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .after_connect(|connection, _| Box::pin(set_pragmas(connection, Role::Reader)))
        .connect_with(options)
        .await?;
    Ok(Db { pool: Pool::new(pool, None, faults), kind: Kind::Sqlite, alone: Some(alone), servers: None })
}

fn kind(url: &Token) -> Result<Kind, OpenError> {
    match url.expose().split(':').next() {
        Some("sqlite") => Ok(Kind::Sqlite),
        Some("postgres" | "postgresql") => Ok(Kind::Postgres),
        _ => Err(OpenError::Url("its scheme is not known".to_owned())),
    }
}

/// The file of a SQLite URL, beside which the lock and the socket are.
#[must_use]
pub fn sqlite_path(url: &Token) -> Option<PathBuf> {
    let rest = url.expose().strip_prefix("sqlite:")?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let path = rest.split('?').next()?;
    Some(Path::new(path).to_path_buf())
}

impl<'a> From<&'a Db> for On<'a> {
    fn from(db: &'a Db) -> Self {
        Self::Database { pool: &db.pool, writer: db.alone.as_ref().map(|alone| &alone.writer) }
    }
}

impl Db {
    /// Whether no other process changes this database, so that what was read of it can be kept in memory.
    #[must_use]
    pub const fn is_alone(&self) -> bool {
        self.alone.is_some()
    }

    /// Begins a change of one or more statements, which ends by [`Transaction::commit`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        match &self.alone {
            Some(alone) => alone.writer.begin().await,
            None => Ok(Transaction::on(self.pool.begin().await?)),
        }
    }

    /// Removes rows, a row at a time in the order of their keys. `keys` are the rows that are meant; `delete` removes one of
    /// them (`$1`) if it still is one by then (`$2`, Unix seconds). How many it removed.
    ///
    /// # Errors
    /// When the database does not answer; what was removed before stays so.
    pub async fn delete_each(&self, keys: Sql, delete: &'static str, now: Timestamp) -> Result<u64, Error> {
        let rows = keys.all(self).await?;
        let mut keys: Vec<String> = rows.iter().map(Row::first).collect::<Result<_, _>>()?;
        keys.sort();
        let mut removed = 0;
        for some in keys.chunks(AT_ONCE) {
            let mut transaction = self.begin().await?;
            for key in some {
                removed += sql(delete).bind(key).bind(now.unix()).execute(&mut transaction).await?;
            }
            transaction.commit().await?;
        }
        Ok(removed)
    }

    /// Waits until no other process is starting on this database, and keeps the others waiting until the turn ends.
    /// On SQLite the lock beside the database has seen to it already.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn take_turn(&self) -> Result<Turn, Error> {
        if self.is_alone() {
            return Ok(Turn { transaction: None });
        }
        let mut transaction = self.begin().await?;
        // A start may take its time, and meanwhile nothing is sent.
        sql("SET LOCAL idle_in_transaction_session_timeout = 0").execute(&mut transaction).await?;
        let lock =
            "SELECT CASE WHEN pg_try_advisory_xact_lock(4702111234474983745) THEN 1 ELSE 0 END AS taken";
        let mut waited = false;
        while !sql(lock).one(&mut transaction).await?.flag("taken")? {
            if !waited {
                tracing::info!("another process is starting on this database; this one waits for its turn");
            }
            waited = true;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Turn { transaction: Some(transaction) })
    }

    /// What a promise asks to fail here. Empty wherever somebody is served.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.pool.faults()
    }

    /// Why the database is not to be used now, as far as the heartbeat tells; None on SQLite, which has none.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.servers.as_ref().and_then(|servers| servers.standing.trouble())
    }

    /// For how long no heartbeat was answered; None where there is none.
    #[must_use]
    pub fn silent_for(&self) -> Option<Duration> {
        self.servers.as_ref().and_then(|servers| servers.standing.silent_for())
    }

    /// A process that has not heard of its database for so long may be better off begun anew.
    #[must_use]
    pub fn is_long_silent(&self) -> bool {
        self.silent_for().is_some_and(|silent| silent > Duration::from_mins(1))
    }

    /// On SQLite, empties the log, in which a destroyed secret would otherwise stand until it is overwritten.
    pub async fn truncate_log(&self) {
        if let Some(alone) = &self.alone
            && let Err(error) = alone.checkpointer.truncate().await
        {
            tracing::warn!(%error, "the log could not be truncated yet");
        }
    }

    /// On SQLite, the file beside the database.
    #[must_use]
    pub fn sidecar(&self) -> Option<&Sidecar> {
        self.alone.as_ref().map(|alone| &*alone.sidecar)
    }

    /// On SQLite, copies the database into a new file while it is being used; the copy's size in bytes. None on
    /// PostgreSQL, which has tools of its own.
    ///
    /// # Errors
    /// When there is such a file already, or it cannot be written.
    pub async fn copy_into(&self, file: &Path) -> Option<Result<u64, BackupError>> {
        let alone = self.alone.as_ref()?;
        Some(backup::copy(&alone.checkpointer, file).await)
    }

    /// Lets go of the database; what is being changed is waited for.
    pub async fn close(&self) {
        self.pool.close().await;
        self.truncate_log().await;
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        sql("SELECT 1").all(self).await.map(drop)
    }
}
