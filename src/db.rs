//! Opens the database and brings it up to date; says which of the two it is and what time a lease goes by.
//!
//! The rules of our SQL: `$1` placeholders, TEXT and BIGINT, one state change = one statement, and a
//! transaction's first statement is the write that decides it. Whoever changes several rows of a table that others change
//! too does it a row at a time, in the order of their keys: a statement that picks several locks them in whatever order it
//! finds them, and two of those can wait for each other. On SQLite whatever writes goes through [`write`]; the
//! pool only reads.

mod backup;
mod checkpoint;
pub mod cluster;
mod pool;
mod postgres;
pub mod presence;
pub mod row_cache;
pub mod schema;
mod servers;
pub mod sidecar;
pub mod snapshot;
mod standing;
mod time;
pub mod victim;
pub mod write;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use sqlx::any::{AnyArguments, AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, ConnectOptions, Row};

pub use backup::BackupError;
use checkpoint::Checkpointer;
pub use pool::{DbConnection, Pool};
use postgres::Servers;
use sidecar::Sidecar;
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

/// What a connection to SQLite is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Reader,
    Writer,
    Checkpointer,
}

/// A turn at starting; see [`Db::take_turn`].
pub struct Turn {
    transaction: Option<Transaction>,
}

impl Turn {
    /// # Errors
    /// When PostgreSQL does not answer; the turn has ended all the same.
    pub async fn end(self) -> Result<(), sqlx::Error> {
        match self.transaction {
            Some(transaction) => transaction.commit().await,
            None => Ok(()),
        }
    }
}

/// Why a database could not be opened; for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{0}; use sqlite://path or postgres://user:password@host/name")]
    Url(String),
    #[error("the database cannot be opened: {0}")]
    Open(#[from] sqlx::Error),
    /// Each server with the cause.
    #[error("no connection to PostgreSQL could be made: {0}")]
    Unreachable(String),
    #[error(
        "this goes through a pooler that pools transactions (PgBouncer: pool_mode = transaction), which takes from us what a \
         session has: use pool_mode = session, or connect to PostgreSQL itself"
    )]
    TransactionPooling,
    #[error(
        "the database was made by a newer version of Attaché: its schema is {found}, and this one knows {known}. Run that \
         version or a newer one"
    )]
    Newer { found: i64, known: i64 },
    #[error(
        "{left} migrations are to be done, and this role may not create tables: run `attache migrate` first, by a role that \
         owns the database's tables"
    )]
    MayNotCreate { left: usize },
    #[error("the database cannot be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

/// Connects, brings the tables up to date, and sets what durability and secrecy need.
///
/// # Errors
/// When the URL is not understood, the database does not answer, or a migration fails; what was done before it stays.
pub async fn open(url: &Token, connections: Option<u32>) -> Result<Db, OpenError> {
    sqlx::any::install_default_drivers();
    match kind(url)? {
        Kind::Sqlite => open_sqlite(url, connections.unwrap_or(4)).await,
        Kind::Postgres => postgres::open(url, connections.unwrap_or(10)).await,
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
    let sidecar = Arc::new(Sidecar::new(mark.into()));
    let alone = Alone {
        writer: Writer::start(writing, options.clone(), Arc::clone(&sidecar)),
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
    Ok(Db { pool: Pool::new(pool, None), kind: Kind::Sqlite, alone: Some(alone), servers: None })
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

/// FULL, because at a power cut WAL with NORMAL loses acknowledged commits. Asserted, not hoped for.
async fn set_pragmas(connection: &mut AnyConnection, role: Role) -> Result<(), sqlx::Error> {
    let pragmas = [
        "PRAGMA busy_timeout = 10000",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
        "PRAGMA secure_delete = ON",
        "PRAGMA wal_autocheckpoint = 0",
    ];
    for pragma in pragmas {
        sqlx::raw_sql(pragma).execute(&mut *connection).await?;
    }
    // 2 is FULL.
    let synchronous: i64 = sqlx::query("PRAGMA synchronous").fetch_one(&mut *connection).await?.try_get(0)?;
    let journal: String = sqlx::query("PRAGMA journal_mode").fetch_one(&mut *connection).await?.try_get(0)?;
    if synchronous != 2 || journal != "wal" {
        let found = format!("synchronous is {synchronous} and the journal is {journal}, not FULL and WAL");
        return Err(sqlx::Error::Configuration(found.into()));
    }
    if role == Role::Reader {
        // A write that went past the writer would find the database locked, and what is held in memory wrong.
        sqlx::raw_sql("PRAGMA query_only = ON").execute(&mut *connection).await?;
    }
    Ok(())
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
    pub async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        match &self.alone {
            Some(alone) => alone.writer.begin().await,
            None => Ok(Transaction::on(self.pool.begin().await?)),
        }
    }

    /// A change of one statement; how many rows it changed.
    ///
    /// # Errors
    /// When the database refuses or does not answer.
    pub async fn execute(&self, statement: Query<'_, Any, AnyArguments>) -> Result<u64, sqlx::Error> {
        if self.alone.is_none() {
            return Ok(statement.execute(&self.pool).await?.rows_affected());
        }
        let mut transaction = self.begin().await?;
        let done = statement.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(done.rows_affected())
    }

    /// Removes rows, a row at a time in the order of their keys. `keys` are the rows that are meant; `delete` removes one of
    /// them (`$1`) if it still is one by then (`$2`, Unix seconds). How many it removed.
    ///
    /// # Errors
    /// When the database does not answer; what was removed before stays so.
    pub async fn delete_each(
        &self,
        keys: Query<'_, Any, AnyArguments>,
        delete: &'static str,
        now: Timestamp,
    ) -> Result<u64, sqlx::Error> {
        let rows = keys.fetch_all(&self.pool).await?;
        let mut keys: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        keys.sort();
        let mut removed = 0;
        for some in keys.chunks(AT_ONCE) {
            let mut transaction = self.begin().await?;
            for key in some {
                let delete = sqlx::query(delete).bind(key).bind(now.unix());
                removed += delete.execute(&mut *transaction).await?.rows_affected();
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
    pub async fn take_turn(&self) -> Result<Turn, sqlx::Error> {
        if self.is_alone() {
            return Ok(Turn { transaction: None });
        }
        let mut transaction = self.begin().await?;
        // A start may take its time, and meanwhile nothing is sent.
        sqlx::query("SET LOCAL idle_in_transaction_session_timeout = 0").execute(&mut *transaction).await?;
        let lock = "SELECT pg_try_advisory_xact_lock(4702111234474983745)";
        let mut waited = false;
        while !sqlx::query(lock).fetch_one(&mut *transaction).await?.try_get::<bool, _>(0)? {
            if !waited {
                tracing::info!("another process is starting on this database; this one waits for its turn");
            }
            waited = true;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Turn { transaction: Some(transaction) })
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
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT 1").execute(&self.pool).await.map(drop)
    }
}

/// A column whose text names one of our enums.
///
/// # Errors
/// When it names none.
pub fn named<T: FromStr>(row: &AnyRow, column: &str) -> Result<T, sqlx::Error> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|_| undecodable(column, "is not a word that is known"))
}

/// A column that holds JSON.
///
/// # Errors
/// When it does not hold what is asked for.
pub fn json<T: DeserializeOwned>(row: &AnyRow, column: &str) -> Result<T, sqlx::Error> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(|_| undecodable(column, "is not the JSON that is expected"))
}

/// A nullable moment.
///
/// # Errors
/// When the column is of another type.
pub fn moment(row: &AnyRow, column: &str) -> Result<Option<Timestamp>, sqlx::Error> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_unix))
}

/// The stored text is of no use; it is not quoted, because it may be a secret.
#[must_use]
pub fn undecodable(column: &str, problem: &'static str) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: problem.into() }
}
