//! A database of its own on the PostgreSQL server that the test command started.

use attache::secret::{Token, random_id};
use sqlx::{Connection, Executor};
use url::Url;

/// A new, empty database. Missing server, failing test: nothing is skipped.
pub async fn create() -> Token {
    let server = std::env::var("ATTACHE_TEST_POSTGRES")
        .expect("ATTACHE_TEST_POSTGRES names a PostgreSQL server; run the tests by tests/run");
    let name = format!("promise_{}", random_id::<12>().to_lowercase());
    let mut connection = sqlx::PgConnection::connect(&server).await.expect("the PostgreSQL server answers");
    connection.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.expect("a new database");
    connection.close().await.expect("a quiet end");
    let mut url = Url::parse(&server).expect("a URL");
    url.set_path(&name);
    Token::new(url.to_string())
}
