//! That a process lives, as PostgreSQL sees it: an advisory lock under a number of the process's own, on a connection of
//! its own, which PostgreSQL lets go of when the process dies. Each beat also asks what time it is there, see
//! [`super::time`]. Made anew when the connection breaks. Says what is seen of
//! another one's lock; decides nothing.
//!
//! A transaction holds the lock, and not the session: so a pooler between us (`PgBouncer`, by transactions) keeps its
//! connection for us alone, and lets go of it when we are gone. It holds no row and, between two beats, no snapshot, so
//! it keeps no VACUUM waiting. The lock is a shared one, so that a connection which PostgreSQL does not yet know to be
//! broken does not keep us from taking it again.

use std::time::{Duration, Instant};

use sqlx::any::AnyConnectOptions;
use sqlx::{ConnectOptions, Connection, Row};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::{Db, time};
use crate::clock::Clock;

/// How often it says that it lives.
const BEAT: Duration = Duration::from_millis(500);
/// A beat that is not answered for so long tells of a broken connection.
const PATIENCE: Duration = Duration::from_secs(2);

/// This process's lock.
#[derive(Debug)]
pub struct Presence {
    number: i64,
    /// When PostgreSQL last said that the lock is held: the moment before it was asked.
    confirmed: watch::Receiver<Option<Instant>>,
    beating: JoinHandle<()>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.beating.abort();
    }
}

impl Presence {
    /// Takes the lock, and keeps taking it. Returns when it is held, or after a while without it.
    pub async fn begin(db: &Db, clock: &Clock, number: i64) -> Self {
        let (options, clock) = (db.pool.connect_options(), clock.clone());
        let (confirm, mut confirmed) = watch::channel(None);
        let beating = tokio::spawn(async move {
            let mut known = false;
            loop {
                let Err(error) = hold(&options, &clock, number, &confirm).await;
                // Once for each break, and not for each attempt.
                let held = confirm.send_replace(None).is_some();
                if held || !known {
                    tracing::warn!(%error, "other servers cannot see that this one lives; its leases last their time");
                }
                known = true;
                sleep(BEAT).await;
            }
        });
        let _ = timeout(PATIENCE, confirmed.wait_for(Option::is_some)).await;
        Self { number, confirmed, beating }
    }

    #[must_use]
    pub const fn number(&self) -> i64 {
        self.number
    }

    /// Whether the lock was held a moment ago.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.confirmed.borrow().is_some_and(|at| at.elapsed() < PATIENCE)
    }
}

/// Holds the lock until its connection breaks.
async fn hold(
    options: &AnyConnectOptions,
    clock: &Clock,
    number: i64,
    confirm: &watch::Sender<Option<Instant>>,
) -> Result<std::convert::Infallible, sqlx::Error> {
    let in_time = |error: tokio::time::error::Elapsed| sqlx::Error::Io(error.into());
    let mut connection = timeout(PATIENCE, options.connect()).await.map_err(in_time)??;
    let mut transaction = connection.begin().await?;
    // It lies idle for as long as the process lives, and is not to be ended for that. A process that vanishes without
    // closing its connection is missed after ten seconds. Not every PostgreSQL knows every one of these.
    let settings = "SELECT set_config(s.name, v.column2, true) FROM pg_settings s \
        JOIN (VALUES ('application_name', 'attache presence'), ('idle_in_transaction_session_timeout', '0'), \
            ('transaction_timeout', '0'), ('tcp_keepalives_idle', '4'), ('tcp_keepalives_interval', '2'), \
            ('tcp_keepalives_count', '3')) AS v ON v.column1 = s.name";
    sqlx::query(settings).execute(&mut *transaction).await?;
    // As text: the function's own type is none that a row can hold here.
    let lock = "SELECT CAST(pg_advisory_xact_lock_shared($1) AS TEXT)";
    sqlx::query(lock).bind(number).execute(&mut *transaction).await?;
    loop {
        let at = Instant::now();
        timeout(PATIENCE, time::follow(&mut *transaction, clock)).await.map_err(in_time)??;
        confirm.send_replace(Some(at));
        sleep(BEAT).await;
    }
}

/// For how long the process of this number has said nothing; None when nobody holds its lock.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn silent_for(db: &Db, number: i64) -> Result<Option<Duration>, sqlx::Error> {
    // What one role may not see of another's sessions is null: it holds its lock, and counts as answering.
    let select = "SELECT COUNT(*) AS held, \
            CAST(COALESCE(EXTRACT(EPOCH FROM MIN(clock_timestamp() - a.state_change)), 0) * 1000 AS BIGINT) AS silent \
        FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
            AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) \
            AND CAST(l.classid AS BIGINT) = $1 AND CAST(l.objid AS BIGINT) = $2";
    // A lock's number is shown in two halves.
    let (high, low) = ((number >> 32) & 0xffff_ffff, number & 0xffff_ffff);
    let row = sqlx::query(select).bind(high).bind(low).fetch_one(&db.pool).await?;
    if row.try_get::<i64, _>("held")? == 0 {
        return Ok(None);
    }
    let silent: i64 = row.try_get("silent")?;
    Ok(Some(Duration::from_millis(silent.max(0).cast_unsigned())))
}
