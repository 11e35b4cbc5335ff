//! The rows of the connections as they stand in the database, read past the processes.

use std::collections::HashMap;

use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection, Row as _};

/// What of a row a fault is understood by.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "shown to whoever looks for the fault")]
pub struct Row {
    pub status: String,
    pub cause: Option<String>,
    pub generation: i64,
    pub lease_until: Option<i64>,
    pub retry_at: Option<i64>,
    pub failures: i64,
}

/// By the connection's id.
pub async fn read(database: &str) -> HashMap<String, Row> {
    install_default_drivers();
    let mut connection = AnyConnection::connect(database).await.expect("the database answers");
    let select = "SELECT id, status, cause, generation, lease_until, retry_at, failures FROM connections";
    let rows = sqlx::query(select).fetch_all(&mut connection).await.expect("the connections");
    let row = |row: &sqlx::any::AnyRow| Row {
        status: row.get("status"),
        cause: row.get("cause"),
        generation: row.get("generation"),
        lease_until: row.get("lease_until"),
        retry_at: row.get("retry_at"),
        failures: row.get("failures"),
    };
    let rows = rows.iter().map(|found| (found.get("id"), row(found))).collect();
    connection.close().await.expect("a quiet end");
    rows
}
