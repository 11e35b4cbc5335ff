//! The tables, and whether they are those that this program knows. Whoever may not create anything may still serve, as long
//! as there is nothing to create.

use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, Row};

use super::open_error::OpenError;

static MIGRATIONS: Migrator = sqlx::migrate!();

/// What the tables are, beside what this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Current,
    /// So many migrations are to be done.
    Behind(usize),
    /// A newer version made them: its last migration, and ours.
    Newer {
        found: i64,
        known: i64,
    },
}

/// # Errors
/// When the database does not answer, or its list of migrations may not be read.
pub async fn state(connection: &mut AnyConnection) -> Result<State, sqlx::Error> {
    // As text: SQLite's truth is of a type that a row cannot hold here.
    let select = "SELECT version, CASE WHEN success THEN 'yes' ELSE 'no' END, checksum FROM _sqlx_migrations ORDER BY version";
    let rows = match sqlx::query(select).fetch_all(connection).await {
        Ok(rows) => rows,
        Err(error) if is_missing(&error) => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut done = Vec::new();
    for row in &rows {
        let whole = row.try_get::<String, _>(1)? == "yes";
        done.push((row.try_get::<i64, _>(0)?, whole, row.try_get::<Vec<u8>, _>(2)?));
    }
    let is_known = |version: i64| MIGRATIONS.iter().any(|one| one.version == version);
    if let Some((found, ..)) = done.iter().rev().find(|(version, ..)| !is_known(*version)) {
        let known = MIGRATIONS.iter().map(|one| one.version).max().unwrap_or_default();
        return Ok(State::Newer { found: *found, known });
    }
    let is_done = |version: i64, checksum: &[u8]| {
        done.iter().any(|(done, whole, sum)| *done == version && *whole && sum == checksum)
    };
    let left = MIGRATIONS.iter().filter(|one| !is_done(one.version, &one.checksum)).count();
    Ok(if left == 0 { State::Current } else { State::Behind(left) })
}

/// Does what is to be done, and touches nothing when that is nothing.
pub(super) async fn bring_up_to_date(connection: &mut AnyConnection) -> Result<(), OpenError> {
    match state(connection).await? {
        State::Current => Ok(()),
        State::Newer { found, known } => Err(OpenError::Newer { found, known }),
        State::Behind(left) => MIGRATIONS.run(connection).await.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error)
            | sqlx::migrate::MigrateError::ExecuteMigration(error, _)
                if is_refused(&error) =>
            {
                OpenError::MayNotCreate { left }
            }
            other => OpenError::Migrate(other),
        }),
    }
}

/// `undefined_table`, or SQLite's only way to say so.
fn is_missing(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
}

/// `insufficient_privilege`
fn is_refused(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "42501")
}
