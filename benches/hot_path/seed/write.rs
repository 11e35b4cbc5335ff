//! Writes rows in bulk: many of them in one INSERT on SQLite, COPY on PostgreSQL. Indexes are made after the rows.

use std::fmt::Write as _;
use std::fs;
use std::str::FromStr;

use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row, raw_sql};

use super::rows::{Cell, Table};
use crate::arguments::Database;
use crate::database::Place;
use crate::fault::Fault;

/// SQLite binds no more than 32,766 values to one statement.
const BINDS: usize = 30_000;

pub struct Writer {
    connection: Handle,
    /// Statements that make the indexes again.
    indexes: Vec<String>,
}

enum Handle {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Whether the database is there at all.
pub async fn exists(place: &Place) -> bool {
    match place.kind {
        Database::Sqlite => sqlite_file(place).exists(),
        Database::Postgres => PgConnection::connect(&place.url).await.is_ok(),
    }
}

fn sqlite_file(place: &Place) -> std::path::PathBuf {
    place.folder.join("attache.db")
}

/// Makes the database, without any table.
pub async fn empty(place: &Place) -> Result<(), Fault> {
    match place.kind {
        Database::Sqlite => {
            for end in ["", "-wal", "-shm", ".lock", ".sock"] {
                let mut file = sqlite_file(place).into_os_string();
                file.push(end);
                // Most of them are not there.
                let _ = fs::remove_file(file);
            }
        }
        Database::Postgres => {
            let (server, name) = place.url.rsplit_once('/').unwrap_or_default();
            let mut postgres = PgConnection::connect(&format!("{server}/postgres")).await?;
            for statement in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
                postgres.execute(raw_sql(AssertSqlSafe(statement))).await?;
            }
        }
    }
    Ok(())
}

impl Writer {
    pub async fn open(place: &Place) -> Result<Self, Fault> {
        let connection = match place.kind {
            Database::Sqlite => Handle::Sqlite(SqliteConnectOptions::from_str(&place.url)?.connect().await?),
            Database::Postgres => Handle::Postgres(PgConnection::connect(&place.url).await?),
        };
        Ok(Self { connection, indexes: Vec::new() })
    }

    pub async fn execute(&mut self, statement: &str) -> Result<(), Fault> {
        let statement = raw_sql(AssertSqlSafe(statement));
        match &mut self.connection {
            Handle::Sqlite(sqlite) => sqlite.execute(statement).await.map(|_| ())?,
            Handle::Postgres(postgres) => postgres.execute(statement).await.map(|_| ())?,
        }
        Ok(())
    }

    /// The first column of the one row.
    pub async fn text(&mut self, query: &'static str, argument: &str) -> Result<String, Fault> {
        Ok(match &mut self.connection {
            Handle::Sqlite(sqlite) => {
                sqlx::query(query).bind(argument).fetch_one(sqlite).await?.try_get(0)?
            }
            Handle::Postgres(postgres) => {
                sqlx::query(query).bind(argument).fetch_one(postgres).await?.try_get(0)?
            }
        })
    }

    /// Takes the indexes away and asks for no durability until the end.
    pub async fn begin(&mut self) -> Result<(), Fault> {
        let found: Vec<(String, String)> = match &mut self.connection {
            Handle::Sqlite(sqlite) => {
                let pragmas = "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; PRAGMA cache_size = -1000000; \
                    PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY";
                sqlite.execute(raw_sql(pragmas)).await?;
                let made = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL";
                sqlx::query_as(made).fetch_all(sqlite).await?
            }
            Handle::Postgres(postgres) => {
                // Foreign keys are checked by triggers, which a replica leaves out.
                let settings = "SET session_replication_role = replica; SET maintenance_work_mem = '512MB'";
                postgres.execute(raw_sql(settings)).await?;
                let made = "SELECT indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'public' \
                    AND indexname NOT IN (SELECT conname FROM pg_constraint)";
                sqlx::query_as(made).fetch_all(postgres).await?
            }
        };
        for (name, statement) in found {
            self.execute(&format!("DROP INDEX {name}")).await?;
            self.indexes.push(statement);
        }
        self.execute("BEGIN").await
    }

    /// What the table has no column for is left out.
    pub async fn insert(&mut self, table: &Table, rows: &[Vec<Cell>]) -> Result<(), Fault> {
        if rows.is_empty() {
            return Ok(());
        }
        let named = self.columns(table.name).await?;
        let there: Vec<bool> =
            table.columns.iter().map(|column| named.iter().any(|name| name == column)).collect();
        let columns: Vec<&str> = those(table.columns, &there).copied().collect();
        let listed = columns.join(", ");
        match &mut self.connection {
            Handle::Sqlite(sqlite) => {
                for rows in rows.chunks(BINDS / columns.len()) {
                    let places = format!("({})", vec!["?"; columns.len()].join(", "));
                    let places = vec![places; rows.len()].join(", ");
                    let insert = format!("INSERT INTO {} ({listed}) VALUES {places}", table.name);
                    let mut insert = sqlx::query(AssertSqlSafe(insert));
                    for cell in rows.iter().flat_map(|row| those(row, &there)) {
                        insert = match cell {
                            Cell::Text(text) => insert.bind(text.as_str()),
                            Cell::Number(number) => insert.bind(*number),
                        };
                    }
                    insert.execute(&mut *sqlite).await?;
                }
            }
            Handle::Postgres(postgres) => {
                let statement = format!("COPY {} ({listed}) FROM STDIN", table.name);
                let mut text = String::new();
                for row in rows {
                    copied(those(row, &there), &mut text);
                }
                let mut copy = postgres.copy_in_raw(&statement).await?;
                copy.send(text.into_bytes()).await?;
                copy.finish().await?;
            }
        }
        Ok(())
    }

    async fn columns(&mut self, table: &'static str) -> Result<Vec<String>, Fault> {
        let rows: Vec<(String,)> = match &mut self.connection {
            Handle::Sqlite(sqlite) => {
                let columns = "SELECT name FROM pragma_table_info(?)";
                sqlx::query_as(columns).bind(table).fetch_all(sqlite).await?
            }
            Handle::Postgres(postgres) => {
                let columns =
                    "SELECT column_name::text FROM information_schema.columns WHERE table_name = $1";
                sqlx::query_as(columns).bind(table).fetch_all(postgres).await?
            }
        };
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    /// Makes the indexes again and leaves the database as a server's.
    pub async fn finish(mut self) -> Result<(), Fault> {
        self.execute("COMMIT").await?;
        for index in std::mem::take(&mut self.indexes) {
            self.execute(&index).await?;
        }
        match self.connection {
            Handle::Sqlite(mut sqlite) => {
                sqlite.execute("PRAGMA journal_mode = WAL").await?;
                sqlite.close().await?;
            }
            Handle::Postgres(mut postgres) => {
                postgres.execute("VACUUM ANALYZE").await?;
                postgres.execute("CHECKPOINT").await?;
                postgres.close().await?;
            }
        }
        Ok(())
    }
}

/// The values whose columns are there.
fn those<'a, T>(values: &'a [T], there: &'a [bool]) -> impl Iterator<Item = &'a T> {
    values.iter().zip(there).filter(|(_, there)| **there).map(|(value, _)| value)
}

/// One line of the text format of COPY.
fn copied<'a>(row: impl Iterator<Item = &'a Cell>, text: &mut String) {
    for (index, cell) in row.enumerate() {
        if index > 0 {
            text.push('\t');
        }
        match cell {
            Cell::Number(number) => drop(write!(text, "{number}")),
            Cell::Text(value) => {
                let escaped = value.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n");
                text.push_str(&escaped);
            }
        }
    }
    text.push('\n');
}
