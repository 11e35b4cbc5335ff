//! The time by the clock that all processes of one database share. On PostgreSQL that is the database's own; alone on its
//! database, a process has none but its own. Decides nothing.

use std::time::Instant;

use sqlx::{Any, Executor, Row};

use super::{Db, Error, sql};
use crate::clock::{Clock, Millis, Timestamp};

/// Rounded down: nothing is later than it is.
const NOW_IN_MILLIS: &str =
    "SELECT CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT) AS now";
/// Seconds by which two clocks may differ before the operator is told.
const AGREE: i64 = 5;

impl Db {
    /// The moment by which leases are judged. On PostgreSQL it is asked for each time: a process that follows it may be
    /// wrong until its next heartbeat, and a lease that is taken too soon can end a grant. A manual clock stands for both.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn lease_now(&self, clock: &Clock) -> Result<Timestamp, Error> {
        self.lease_now_in_millis(clock).await.map(Millis::second)
    }

    /// The same moment, to the millisecond.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn lease_now_in_millis(&self, clock: &Clock) -> Result<Millis, Error> {
        if self.is_alone() || matches!(clock, Clock::Manual(_)) {
            return Ok(clock.now_in_millis());
        }
        let row = sql(NOW_IN_MILLIS).one(self).await?;
        Ok(Millis::from_unix(row.get("now")?))
    }

    /// The clock for this process: one that follows the database's, where others use the same database.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn clock(&self, own: Clock) -> Result<Clock, Error> {
        if self.is_alone() {
            return Ok(own);
        }
        let shared = own.clone().shared();
        follow(&self.pool, &shared).await?;
        let ahead = shared.now().seconds_from(own.now());
        if ahead.abs() > AGREE {
            tracing::warn!(
                ahead,
                "PostgreSQL's clock is ahead of this server's by so many seconds, and is gone by; is it right?"
            );
        }
        Ok(shared)
    }
}

/// Asks the database what time it is, and goes by that from now on.
pub(super) async fn follow<'c>(
    database: impl Executor<'c, Database = Any>,
    clock: &Clock,
) -> Result<(), sqlx::Error> {
    let asked = Instant::now();
    let row = sqlx::query(NOW_IN_MILLIS).fetch_one(database).await?;
    clock.agree(row.try_get(0)?, asked.elapsed());
    Ok(())
}
