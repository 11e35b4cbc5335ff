//! The time by the clock that all processes of one database share. On PostgreSQL that is the database's own; alone on its
//! database, a process has none but its own. Decides nothing.

use std::time::Instant;

use sqlx::{Any, Executor, Row};

use super::Db;
use crate::clock::{Clock, Timestamp};

impl Db {
    /// The moment by which leases are judged. On PostgreSQL the database's own, so that replicas whose
    /// clocks differ agree; a manual clock stands for both.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn lease_now(&self, clock: &Clock) -> Result<Timestamp, sqlx::Error> {
        if self.is_alone() || matches!(clock, Clock::Manual(_)) {
            return Ok(clock.now());
        }
        let row = sqlx::query("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)")
            .fetch_one(&self.pool)
            .await?;
        Ok(Timestamp::from_unix(row.try_get(0)?))
    }

    /// The clock for this process: one that follows the database's, where others use the same database.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn clock(&self, own: Clock) -> Result<Clock, sqlx::Error> {
        if self.is_alone() {
            return Ok(own);
        }
        let shared = own.shared();
        follow(&self.pool, &shared).await?;
        Ok(shared)
    }
}

/// Asks the database what time it is, and goes by that from now on.
pub(super) async fn follow<'c>(
    database: impl Executor<'c, Database = Any>,
    clock: &Clock,
) -> Result<(), sqlx::Error> {
    let asked = Instant::now();
    let select = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
    let row = sqlx::query(select).fetch_one(database).await?;
    clock.agree(row.try_get(0)?, asked.elapsed());
    Ok(())
}
