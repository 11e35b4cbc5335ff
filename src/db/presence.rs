//! That a process lives, as PostgreSQL sees it: an advisory lock under a number of the process's own, on a connection of
//! its own, which PostgreSQL lets go of when the process dies. Each beat also asks what time it is there ([`super::time`])
//! and whether it is the primary ([`super::standing`]). Made anew when the connection breaks, to whichever server is the
//! primary then. Says what is seen of another one's lock; decides nothing.
//!
//! A transaction holds the lock, and not the session: so a pooler between us keeps its
//! connection for us alone, and lets go of it when we are gone. It holds no row and, between two beats, no snapshot, so
//! it keeps no VACUUM waiting. The lock is a shared one, so that a connection which PostgreSQL does not yet know to be
//! broken does not keep us from taking it again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::raw_sql;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::pool::Pool;
use super::postgres::{self, Servers};
use super::servers::cause;
use super::{Db, Error, sql, time};
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
    servers: Arc<Servers>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.beating.abort();
        self.servers.standing.end_beating();
    }
}

impl Presence {
    /// Takes the lock, and keeps taking it. Returns when it is held, or after a while without it. None on SQLite.
    pub async fn begin(db: &Db, clock: &Clock, number: i64) -> Option<Self> {
        let servers = Arc::clone(db.servers.as_ref()?);
        let (pool, clock, held_by) = (db.pool.clone(), clock.clone(), Arc::clone(&servers));
        let (confirm, mut confirmed) = watch::channel(None);
        servers.standing.begin_beating();
        let beating = tokio::spawn(async move {
            let mut known = false;
            loop {
                let Err(error) = hold(&held_by, &pool, &clock, number, &confirm).await;
                held_by.standing.is_in_trouble(&error);
                // Once for each break, and not for each attempt.
                let held = confirm.send_replace(None).is_some();
                if held || !known {
                    tracing::warn!(%error, "the heartbeat of the database failed; this server is not ready, and others cannot see that it lives");
                }
                known = true;
                sleep(BEAT).await;
            }
        });
        let _ = timeout(PATIENCE, confirmed.wait_for(Option::is_some)).await;
        Some(Self { number, confirmed, beating, servers })
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

/// Holds the lock until its connection breaks, or is to a primary no more. Says why.
async fn hold(
    servers: &Servers,
    pool: &Pool,
    clock: &Clock,
    number: i64,
    confirm: &watch::Sender<Option<Instant>>,
) -> Result<std::convert::Infallible, String> {
    let mut connection = servers.connect(Some(pool)).await?;
    let place = servers.place();
    let told = |error: sqlx::Error| format!("{place}: {}", cause(&error));
    let late = |_| format!("{place}: no answer within 2 s");
    // It lies idle for as long as the process lives, and is not to be ended for that. A process that vanishes without
    // closing its connection is missed after ten seconds. Not every PostgreSQL knows every one of these.
    let settings = "SELECT set_config(s.name, v.column2, true) FROM pg_settings s \
        JOIN (VALUES ('application_name', 'attache presence'), ('idle_in_transaction_session_timeout', '0'), \
            ('transaction_timeout', '0'), ('tcp_keepalives_idle', '4'), ('tcp_keepalives_interval', '2'), \
            ('tcp_keepalives_count', '3')) AS v ON v.column1 = s.name";
    let take = async {
        raw_sql("BEGIN").execute(&mut connection).await?;
        sqlx::query(settings).execute(&mut connection).await?;
        // As text: the function's own type is none that a row can hold here.
        let lock = "SELECT CAST(pg_advisory_xact_lock_shared($1) AS TEXT)";
        sqlx::query(lock).bind(number).execute(&mut connection).await
    };
    timeout(PATIENCE, take).await.map_err(late)?.map_err(told)?;
    loop {
        let at = Instant::now();
        let beat = async {
            time::follow(&mut connection, clock).await?;
            postgres::check(&mut connection, &servers.standing).await
        };
        let beaten = timeout(PATIENCE, beat).await.map_err(late).and_then(|beaten| beaten.map_err(told));
        if let Err(why) = beaten {
            // The others are to the same server.
            servers.standing.distrust();
            return Err(why);
        }
        confirm.send_replace(Some(at));
        servers.standing.beats();
        sleep(BEAT).await;
    }
}

/// For how long the process of this number has said nothing; None when nobody holds its lock.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn silent_for(db: &Db, number: i64) -> Result<Option<Duration>, Error> {
    // What one role may not see of another's sessions is null: it holds its lock, and counts as answering.
    let select = "SELECT COUNT(*) AS held, \
            CAST(COALESCE(EXTRACT(EPOCH FROM MIN(clock_timestamp() - a.state_change)), 0) * 1000 AS BIGINT) AS silent \
        FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
            AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) \
            AND CAST(l.classid AS BIGINT) = $1 AND CAST(l.objid AS BIGINT) = $2";
    // A lock's number is shown in two halves.
    let (high, low) = ((number >> 32) & 0xffff_ffff, number & 0xffff_ffff);
    let row = sql(select).bind(high).bind(low).one(db).await?;
    if row.get::<i64>("held")? == 0 {
        return Ok(None);
    }
    let silent: i64 = row.get("silent")?;
    Ok(Some(Duration::from_millis(silent.max(0).cast_unsigned())))
}
