//! The connections that statements run on, and the one place where a statement's answer is waited for: on PostgreSQL never
//! without an end ([`super::standing`]). A connection on which a wait ran out, or whose server takes no writes, is
//! discarded; one whose user went away is made whole before anybody else has it. Knows no statement of anybody.

use std::future::ready;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sqlx::any::{AnyArguments, AnyConnectOptions, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Describe, Either, Execute, Executor, SqlStr, query_with, raw_sql};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::error::Error;
use super::fault::Faults;
use super::row::Row;
use super::standing::{RanOut, Standing};
use super::turn::Turn;

/// What was left in the middle of something is made whole within this time, or discarded.
const TIDYING: Duration = Duration::from_secs(2);

type Step = Either<AnyQueryResult, AnyRow>;

/// Connections for whoever reads and, on PostgreSQL, changes.
#[derive(Clone, Debug)]
pub struct Pool {
    connections: AnyPool,
    /// None on SQLite, where nobody is at the other end.
    standing: Option<Arc<Standing>>,
    faults: Arc<Faults>,
}

/// A connection that somebody uses now.
pub struct DbConnection {
    lent: Lent,
    standing: Option<Arc<Standing>>,
    faults: Arc<Faults>,
}

enum Lent {
    /// None once it was discarded.
    Pooled {
        connection: Option<PoolConnection<Any>>,
        /// Whether a transaction may be open on it.
        open: bool,
    },
    /// SQLite's writer.
    Turn(Turn),
}

impl Pool {
    pub(super) const fn new(
        connections: AnyPool,
        standing: Option<Arc<Standing>>,
        faults: Arc<Faults>,
    ) -> Self {
        Self { connections, standing, faults }
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// One of the connections; it goes back when it is dropped.
    ///
    /// # Errors
    /// When there is none to be had in time.
    pub async fn acquire(&self) -> Result<DbConnection, sqlx::Error> {
        let acquired = match &self.standing {
            None => self.connections.acquire().await?,
            Some(standing) => {
                let acquired = standing.wait_for_connection(self.connections.acquire()).await;
                acquired.map_err(|RanOut| standing.trouble().map_or_else(all_taken, |why| late(&why)))??
            }
        };
        let lent = Lent::Pooled { connection: Some(acquired), open: false };
        Ok(DbConnection { lent, standing: self.standing.clone(), faults: Arc::clone(&self.faults) })
    }

    /// One with a transaction open on it.
    pub(super) async fn begin(&self) -> Result<DbConnection, sqlx::Error> {
        let mut connection = self.acquire().await?;
        if let Lent::Pooled { open, .. } = &mut connection.lent {
            // Before it is sent: whoever is cut off now may leave one open.
            *open = true;
        }
        connection.execute(raw_sql("BEGIN")).await?;
        Ok(connection)
    }

    /// Where new connections go from now on.
    pub(super) fn connect_to(&self, options: AnyConnectOptions) {
        self.connections.set_connect_options(options);
    }

    pub async fn close(&self) {
        // What does not end in time is cut off by the end of the process.
        let _ = timeout(TIDYING, self.connections.close()).await;
    }
}

impl DbConnection {
    pub(super) const fn of_turn(turn: Turn, faults: Arc<Faults>) -> Self {
        Self { lent: Lent::Turn(turn), standing: None, faults }
    }

    /// Fails where a promise asked for it.
    pub(super) fn strike(&self, text: &str) -> Result<(), Error> {
        self.faults.strike(text)
    }

    pub(super) const fn is_of_sqlite(&self) -> bool {
        matches!(self.lent, Lent::Turn(_))
    }

    /// The writer's turn, to end it.
    pub(super) fn into_turn(mut self) -> Option<Turn> {
        let nothing = Lent::Pooled { connection: None, open: false };
        match std::mem::replace(&mut self.lent, nothing) {
            Lent::Turn(turn) => Some(turn),
            Lent::Pooled { .. } => None,
        }
    }

    /// Commits a transaction of PostgreSQL.
    pub(super) async fn commit(mut self) -> Result<(), sqlx::Error> {
        (&mut self).execute(raw_sql("COMMIT")).await?;
        if let Lent::Pooled { open, .. } = &mut self.lent {
            *open = false;
        }
        Ok(())
    }

    fn raw(lent: &mut Lent) -> Result<&mut AnyConnection, sqlx::Error> {
        match lent {
            Lent::Turn(turn) => Ok(turn),
            Lent::Pooled { connection: Some(connection), .. } => Ok(connection),
            Lent::Pooled { connection: None, .. } => Err(late("the connection to the database was given up")),
        }
    }

    /// Every row that a statement answers.
    pub(super) async fn rows(&mut self, text: SqlStr, values: AnyArguments) -> Result<Vec<Row>, Error> {
        self.strike(text.as_str())?;
        let answer = Self::raw(&mut self.lent)?.fetch_many(query_with(text, values));
        let work = answer.try_fold(Vec::new(), |mut rows, step| {
            rows.extend(step.right().map(Row));
            ready(Ok(rows))
        });
        let done = wait(self.standing.as_deref(), work).await;
        Ok(self.settle(done)?)
    }

    /// The first row.
    pub(super) async fn row(&mut self, text: SqlStr, values: AnyArguments) -> Result<Option<Row>, Error> {
        self.strike(text.as_str())?;
        Ok(self.optional(query_with(text, values)).await?.map(Row))
    }

    /// How many rows a statement changed.
    pub(super) async fn changed(&mut self, text: SqlStr, values: AnyArguments) -> Result<u64, Error> {
        self.strike(text.as_str())?;
        let answer = Self::raw(&mut self.lent)?.fetch_many(query_with(text, values));
        let work = answer.try_fold(0, |changed, step| {
            ready(Ok(changed + step.left().map_or(0, |done| done.rows_affected())))
        });
        let done = wait(self.standing.as_deref(), work).await;
        Ok(self.settle(done)?)
    }

    async fn all<'q>(&mut self, query: impl Execute<'q, Any> + 'q) -> Result<Vec<Step>, sqlx::Error> {
        let work = Self::raw(&mut self.lent)?.fetch_many(query).try_collect();
        let done = wait(self.standing.as_deref(), work).await;
        self.settle(done)
    }

    async fn optional<'q>(
        &mut self,
        query: impl Execute<'q, Any> + 'q,
    ) -> Result<Option<AnyRow>, sqlx::Error> {
        let work = Self::raw(&mut self.lent)?.fetch_optional(query);
        let done = wait(self.standing.as_deref(), work).await;
        self.settle(done)
    }

    async fn prepared(&mut self, sql: SqlStr) -> Result<AnyStatement, sqlx::Error> {
        let work = Self::raw(&mut self.lent)?.prepare(sql);
        let done = wait(self.standing.as_deref(), work).await;
        self.settle(done)
    }

    async fn described(&mut self, sql: SqlStr) -> Result<Describe<Any>, sqlx::Error> {
        let work = Self::raw(&mut self.lent)?.describe(sql);
        let done = wait(self.standing.as_deref(), work).await;
        self.settle(done)
    }

    /// Discards the connection when it is of no use any more.
    fn settle<T>(&mut self, done: Result<Result<T, sqlx::Error>, RanOut>) -> Result<T, sqlx::Error> {
        match done {
            Ok(Err(error)) if is_read_only(&error) => {
                if let Some(standing) = &self.standing {
                    standing.distrust();
                }
                self.discard();
                Err(error)
            }
            Ok(done) => done,
            Err(RanOut) => {
                self.discard();
                Err(late("the database did not answer in time"))
            }
        }
    }

    /// Its socket is closed, and its place in the pool is free, without a word to whoever is at the other end.
    fn discard(&mut self) {
        if let Lent::Pooled { connection, .. } = &mut self.lent {
            drop(connection.take().map(PoolConnection::detach));
        }
    }
}

/// Nobody waits for an end that does not come, the way back to the pool included.
impl Drop for DbConnection {
    fn drop(&mut self) {
        let Lent::Pooled { connection, open } = &mut self.lent else { return };
        let Some(mut connection) = connection.take() else { return };
        let open = *open;
        if self.standing.is_none() && !open {
            return drop(connection);
        }
        let Ok(runtime) = Handle::try_current() else { return drop(connection.detach()) };
        runtime.spawn(async move {
            if open {
                let undo = raw_sql("ROLLBACK").execute(&mut *connection);
                if !matches!(timeout(TIDYING, undo).await, Ok(Ok(_))) {
                    return drop(connection.detach());
                }
            }
            // It asks the server whether all is well; cut off, it lets go of the connection.
            let _ = timeout(TIDYING, connection.return_to_pool()).await;
        });
    }
}

async fn wait<T>(standing: Option<&Standing>, work: impl Future<Output = T>) -> Result<T, RanOut> {
    match standing {
        Some(standing) => standing.wait_for_answer(work).await,
        None => Ok(work.await),
    }
}

/// `read_only_sql_transaction`: the server does not take writes any more.
fn is_read_only(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "25006")
}

fn all_taken() -> sqlx::Error {
    let sentence = "no connection to the database was free in time";
    sqlx::Error::Io(io::Error::new(io::ErrorKind::ResourceBusy, sentence))
}

fn late(sentence: &str) -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, sentence.to_owned()))
}

impl std::fmt::Debug for DbConnection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DbConnection")
    }
}

impl<'c> Executor<'c> for &'c Pool {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        steps(async move { self.acquire().await?.all(query).await })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        Box::pin(async move { self.acquire().await?.optional(query).await })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        _: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        Box::pin(async move { self.acquire().await?.prepared(sql).await })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Any>, sqlx::Error>>
    where
        'c: 'e,
    {
        Box::pin(async move { self.acquire().await?.described(sql).await })
    }
}

impl<'c> Executor<'c> for &'c mut DbConnection {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        steps(self.all(query))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        Box::pin(self.optional(query))
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        _: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        Box::pin(self.prepared(sql))
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Any>, sqlx::Error>>
    where
        'c: 'e,
    {
        Box::pin(self.described(sql))
    }
}

/// The whole of an answer, as a stream: what was waited for as one is handed on as one.
fn steps<'e>(
    all: impl Future<Output = Result<Vec<Step>, sqlx::Error>> + Send + 'e,
) -> BoxStream<'e, Result<Step, sqlx::Error>> {
    stream::once(all).map_ok(|steps| stream::iter(steps.into_iter().map(Ok))).try_flatten().boxed()
}
