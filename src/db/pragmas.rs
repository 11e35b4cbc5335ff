//! How each connection to SQLite is to behave, by what it is for.

use sqlx::{AnyConnection, Row as _};

/// What a connection to SQLite is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Reader,
    Writer,
    Checkpointer,
}

/// FULL, because at a power cut WAL with NORMAL loses acknowledged commits. Asserted, not hoped for.
pub(super) async fn set_pragmas(connection: &mut AnyConnection, role: Role) -> Result<(), sqlx::Error> {
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
