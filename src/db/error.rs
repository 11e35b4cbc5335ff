//! Why a statement was not done, in four kinds that its caller can act on. Holds no value: neither what was bound nor what
//! a row held.

use std::fmt;

use sqlx::error::{DatabaseError, ErrorKind};

/// What a database said. Its cause names tables, columns and constraints only.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// There was no connection, no turn or no lock in time. Nothing was done.
    #[error(transparent)]
    Busy(Cause),
    /// Another row has the same key. Nothing was done.
    #[error(transparent)]
    Unique(Cause),
    /// The connection broke, or nobody answered in time. Whether it was done is not known.
    #[error(transparent)]
    Lost(Cause),
    /// The database refused the statement, or a row is not as it must be.
    #[error(transparent)]
    Refused(Cause),
}

/// The words of the database, for the operator.
#[derive(Clone)]
pub struct Cause {
    text: String,
    /// `SQLSTATE` on PostgreSQL, a number on SQLite.
    code: Option<String>,
}

impl Cause {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: None }
    }

    pub(super) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// What the database said of a statement. A data exception (SQLSTATE class 22) quotes the value, so only its code is kept.
    fn said(error: &dyn DatabaseError) -> Self {
        let code = error.code().map(String::from);
        let text = match &code {
            Some(code) if code.len() == 5 && code.starts_with("22") => {
                format!("error returned from database: data exception {code}")
            }
            _ => format!("error returned from database: {error}"),
        };
        Self { text, code }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.text)
    }
}

impl std::error::Error for Cause {}

impl Error {
    /// For a row or a statement of ours that is not as it must be. `why` holds no value.
    #[must_use]
    pub fn refused(why: impl Into<String>) -> Self {
        Self::Refused(Cause::new(why))
    }

    /// The stored text is of no use. It is not quoted, because it may be a secret.
    #[must_use]
    pub fn undecodable(column: &str, problem: &str) -> Self {
        Self::refused(format!("error occurred while decoding column {column:?}: {problem}"))
    }

    pub(super) const fn cause(&self) -> &Cause {
        match self {
            Self::Busy(cause) | Self::Unique(cause) | Self::Lost(cause) | Self::Refused(cause) => cause,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(said) => of_database(&**said),
            sqlx::Error::PoolTimedOut => Self::Busy(Cause::new(error.to_string())),
            sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::ResourceBusy => {
                Self::Busy(Cause::new(io.to_string()))
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Lost(Cause::new(error.to_string())),
            // The driver quotes the value that it cannot decode.
            sqlx::Error::ColumnDecode { index, .. } => {
                Self::undecodable(index.trim_matches('"'), "is not of the type that is expected")
            }
            sqlx::Error::Decode(_) => Self::refused("a value is not of the type that is expected"),
            _ => Self::refused(error.to_string()),
        }
    }
}

fn of_database(error: &dyn DatabaseError) -> Error {
    let cause = Cause::said(error);
    if error.kind() == ErrorKind::UniqueViolation {
        return Error::Unique(cause);
    }
    match cause.code() {
        // SQLITE_BUSY, SQLITE_LOCKED; too_many_connections, lock_not_available, cannot_connect_now.
        Some("5" | "6" | "53300" | "55P03" | "57P03") => Error::Busy(cause),
        // admin_shutdown, crash_shutdown, database_dropped; read_only_sql_transaction: another server is the primary.
        Some("57P01" | "57P02" | "57P04" | "25006") => Error::Lost(cause),
        Some(code) if code.len() == 5 && code.starts_with("08") => Error::Lost(cause),
        _ => Error::Refused(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_held_is_not_told() {
        let source = "expected BIGINT, got Text(\"a secret\")".into();
        let error = Error::from(sqlx::Error::ColumnDecode { index: "\"token\"".to_owned(), source });
        let (shown, debugged) = (error.to_string(), format!("{error:?}"));
        assert!(shown.contains("token") && !shown.contains("secret"), "{shown}");
        assert!(!debugged.contains("secret"), "{debugged}");
    }

    #[test]
    fn a_full_pool_is_busy_and_a_broken_connection_is_lost() {
        assert!(matches!(Error::from(sqlx::Error::PoolTimedOut), Error::Busy(_)));
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert!(matches!(Error::from(sqlx::Error::Io(broken)), Error::Lost(_)));
        assert!(matches!(Error::from(sqlx::Error::RowNotFound), Error::Refused(_)));
    }
}
