//! Which PostgreSQL cluster a database lies in, and on which timeline: both change when a backup takes its place, the
//! timeline also when a standby does. Reads nothing else.

use super::{Db, Error, sql};

/// `system identifier/timeline`; None on SQLite.
///
/// # Errors
/// When the database's user may not see it.
pub async fn cluster(db: &Db) -> Result<Option<String>, Error> {
    if db.is_alone() {
        return Ok(None);
    }
    // The timeline of what is being written, and not of the last checkpoint, which may be behind it.
    let select = "SELECT CAST(system_identifier AS TEXT) || '/' || SUBSTR(pg_walfile_name(pg_current_wal_lsn()), 1, 8) \
        AS cluster FROM pg_control_system()";
    sql(select).one(db).await?.get("cluster").map(Some)
}
