//! Opens PostgreSQL: finds the primary among the servers that the URL names, and tells each connection how to behave. Lets
//! none be used that is to a standby, or to a server that takes no writes. Refuses a pooler that gives each transaction
//! another session. Changes no row.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyConnection, ConnectOptions, Connection, Executor, Row, raw_sql};
use tokio::time::timeout;

use super::fault::Faults;
use super::open_error::OpenError;
use super::pool::Pool;
use super::schema;
use super::servers::{Candidate, candidates, cause};
use super::standing::{Presented, Server, Standing};
use crate::secret::Token;

/// For one server to answer, and to show that it is the primary.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same at a start, when nobody waits for us yet.
const PATIENCE_AT_START: Duration = Duration::from_secs(4);

/// The servers, and what is known of the one in use.
#[derive(Debug)]
pub struct Servers {
    candidates: Vec<Candidate>,
    /// The one that was the primary last.
    at: AtomicUsize,
    pub standing: Arc<Standing>,
}

/// Connections to the primary, with its tables up to date.
pub(super) async fn open(
    url: &Token,
    connections: u32,
    faults: Arc<Faults>,
) -> Result<(Pool, Servers), OpenError> {
    let servers = Servers { candidates: candidates(url)?, at: AtomicUsize::new(0), standing: Arc::default() };
    let mut first = servers.connect(None).await.map_err(OpenError::Unreachable)?;
    let (standing, judging) = (Arc::clone(&servers.standing), Arc::clone(&servers.standing));
    let pool = AnyPoolOptions::new()
        // One is held through a start, see `take_turn`.
        .max_connections(connections.max(2))
        .acquire_timeout(Duration::from_secs(10))
        .after_connect(move |connection, _| {
            let standing = Arc::clone(&standing);
            Box::pin(async move { make_ready(connection, &standing).await })
        })
        // Only one that has lain idle may have been cut off unnoticed: asking each time costs a seventh of a hand-out.
        .test_before_acquire(false)
        .before_acquire(move |connection, lain| {
            let trusted = judging.trusts(lain.age);
            Box::pin(async move {
                if !trusted || lain.idle_for < Duration::from_secs(1) {
                    return Ok(trusted);
                }
                Ok(timeout(Duration::from_secs(1), connection.ping())
                    .await
                    .is_ok_and(|answer| answer.is_ok()))
            })
        })
        .connect_lazy_with(servers.current().options.clone());
    let pool = Pool::new(pool, Some(Arc::clone(&servers.standing)), faults);
    refuse_transaction_pooling(servers.current()).await?;
    schema::bring_up_to_date(&mut first).await?;
    // Nothing hangs on how it ends.
    let _ = timeout(PATIENCE, first.close()).await;
    Ok((pool, servers))
}

/// What the schema of the database is, without changing anything.
pub(super) async fn look(url: &Token) -> Result<schema::State, OpenError> {
    let servers = Servers { candidates: candidates(url)?, at: AtomicUsize::new(0), standing: Arc::default() };
    let mut connection = servers.connect(None).await.map_err(OpenError::Unreachable)?;
    let state = schema::state(&mut connection).await;
    let _ = timeout(PATIENCE, connection.close()).await;
    Ok(state?)
}

impl Servers {
    fn current(&self) -> &Candidate {
        &self.candidates[self.at.load(Ordering::Relaxed) % self.candidates.len()]
    }

    /// Where the primary was last.
    pub fn place(&self) -> &str {
        &self.current().place
    }

    /// A connection to the primary, wherever it is now; `pool` goes there too.
    ///
    /// # Errors
    /// Each server with what keeps it from being used.
    pub async fn connect(&self, pool: Option<&Pool>) -> Result<AnyConnection, String> {
        let mut faults = Vec::new();
        let begin = self.at.load(Ordering::Relaxed);
        for step in 0..self.candidates.len() {
            let number = (begin + step) % self.candidates.len();
            let candidate = &self.candidates[number];
            let patience = if pool.is_some() { PATIENCE } else { PATIENCE_AT_START };
            match timeout(patience, connect(candidate, &self.standing)).await {
                Ok(Ok(connection)) => {
                    if number != begin
                        && let Some(pool) = pool
                    {
                        tracing::warn!(
                            primary = candidate.place,
                            "the database's primary is another server now"
                        );
                        pool.connect_to(candidate.options.clone());
                        self.standing.distrust();
                    }
                    self.at.store(number, Ordering::Relaxed);
                    return Ok(connection);
                }
                Ok(Err(error)) => faults.push(format!("{}: {}", candidate.place, cause(&error))),
                Err(_) => {
                    faults.push(format!("{}: no answer within {} s", candidate.place, patience.as_secs()));
                }
            }
        }
        Err(faults.join("; "))
    }
}

async fn connect(candidate: &Candidate, standing: &Standing) -> Result<AnyConnection, sqlx::Error> {
    let mut connection = candidate.options.connect().await?;
    make_ready(&mut connection, standing).await?;
    Ok(connection)
}

/// Before anybody uses it. A process that stops in the middle of a change must not hold its rows for ever; and a server
/// must notice that we are gone. Not every PostgreSQL knows every one of these.
/// How each connection behaves. A plan is kept for as long as a table's statistics are. One that was made while its table was
/// empty would read it whole, and go on doing so while it grows. So no table is read whole where there is another way; and
/// where there is none, that is no reason to compile the plan, however much it seems to cost.
async fn make_ready(connection: &mut AnyConnection, standing: &Standing) -> Result<(), sqlx::Error> {
    let settings = "SELECT set_config(s.name, v.column2, false) FROM pg_settings s \
        JOIN (VALUES ('idle_in_transaction_session_timeout', '60s'), ('tcp_keepalives_idle', '10'), \
            ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3'), ('tcp_user_timeout', '15000'), \
            ('client_connection_check_interval', '5000'), ('enable_seqscan', 'off'), ('jit', 'off')) AS v ON v.column1 = s.name";
    sqlx::query(settings).execute(&mut *connection).await?;
    check(connection, standing).await
}

/// Whether the server at the other end is the primary, now.
///
/// # Errors
/// Why it is not to be used.
pub async fn check(connection: &mut AnyConnection, standing: &Standing) -> Result<(), sqlx::Error> {
    let presented = present(connection, standing).await?;
    standing.judge(&presented).map_err(|why| sqlx::Error::Io(io::Error::other(why)))
}

async fn present(connection: &mut AnyConnection, standing: &Standing) -> Result<Presented, sqlx::Error> {
    // The session's own setting, and what its next transaction would have: this may be asked within a long one.
    let select = "SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'on' \
        OR current_setting('default_transaction_read_only') = 'on' AS read_only";
    let row = sqlx::query(select).fetch_one(&mut *connection).await?;
    let (standby, read_only) = (row.try_get("standby")?, row.try_get("read_only")?);
    let server = if standby || standing.is_blind() { None } else { server(connection, standing).await? };
    Ok(Presented { standby, read_only, server })
}

async fn server(connection: &mut AnyConnection, standing: &Standing) -> Result<Option<Server>, sqlx::Error> {
    // The timeline of what is being written, and not of the last checkpoint, which may be behind it.
    let select = "SELECT CAST(system_identifier AS TEXT) AS system, \
        SUBSTR(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline FROM pg_control_system()";
    match sqlx::query(select).fetch_one(connection).await {
        Ok(row) => Ok(Some(Server { system: row.try_get("system")?, timeline: row.try_get("timeline")? })),
        // insufficient_privilege
        Err(error)
            if error
                .as_database_error()
                .and_then(sqlx::error::DatabaseError::code)
                .is_some_and(|code| code == "42501") =>
        {
            standing.is_not_shown();
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Two sessions that are open at one time have two backends, and each keeps its own. Through a pooler that pools
/// transactions the second one's transaction takes the backend that the first one had.
///
/// By plain statements only: a prepared one would meet what another session left on its backend.
async fn refuse_transaction_pooling(candidate: &Candidate) -> Result<(), OpenError> {
    let connect =
        async || timeout(PATIENCE_AT_START, candidate.options.connect()).await.map_err(|_| late(candidate));
    let (mut first, mut second) = (connect().await??, connect().await??);
    let keeps_its_own = async {
        let before = backend(&mut first).await?;
        second.execute(raw_sql("BEGIN")).await?;
        let other = backend(&mut second).await?;
        let after = backend(&mut first).await?;
        Ok::<_, sqlx::Error>(before == after && before != other)
    };
    // Where there is but one backend for two sessions, the first one waits for it in vain.
    let kept = timeout(PATIENCE_AT_START, keeps_its_own).await.unwrap_or(Ok(false))?;
    let _ = timeout(PATIENCE, async { tokio::join!(first.close(), second.close()) }).await;
    if kept { Ok(()) } else { Err(OpenError::TransactionPooling) }
}

fn late(candidate: &Candidate) -> OpenError {
    OpenError::Unreachable(format!("{}: no answer in time", candidate.place))
}

async fn backend<'c>(connection: impl Executor<'c, Database = Any>) -> Result<i64, sqlx::Error> {
    let row = connection.fetch_one(raw_sql("SELECT CAST(pg_backend_pid() AS BIGINT)")).await?;
    row.try_get(0)
}
