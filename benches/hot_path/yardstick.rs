//! What the machine allows: bare axum with a constant answer, and a bare sqlx read of one row, in a process of their
//! own with the same runtime and allocator as the server's. Checks no key, opens nothing, writes nothing.

use std::io::BufRead;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{PgPool, Row, SqlitePool};
use tokio::net::TcpListener;

use crate::broker::local;
use crate::database::Place;
use crate::fault::{Fault, refuse};

/// The first argument of a bench that is to be the yardstick.
pub const COMMAND: &str = "yardstick";
/// As many as the server has, unless it is told otherwise.
const POOL: u32 = 10;
const READ: &str = "SELECT id, account_id, app_id, status, access_token, access_expires_at, granted_scopes, generation \
    FROM connections WHERE id = $1";

pub struct Yardstick {
    child: Child,
    pub address: SocketAddr,
}

impl Drop for Yardstick {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Yardstick {
    /// `body_bytes` long answers; reads from the same database.
    pub fn start(place: &Place, body_bytes: usize) -> Result<Self, Fault> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args([COMMAND, &body_bytes.to_string(), &place.url])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let Some(output) = child.stdout.take() else { return refuse("the yardstick has no output") };
        let mut line = String::new();
        std::io::BufReader::new(output).read_line(&mut line)?;
        let Ok(address) = line.trim().parse() else { return refuse("the yardstick did not start") };
        Ok(Self { child, address })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

#[derive(Clone)]
struct Bare {
    constant: Bytes,
    pool: Arc<Pool>,
}

enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// What the child does: prints its address, and serves until it is killed.
pub fn serve(mut arguments: impl Iterator<Item = String>) -> Result<(), Fault> {
    let body_bytes = arguments.next().and_then(|bytes| bytes.parse::<usize>().ok()).unwrap_or(900);
    let url = arguments.next().unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let filler = "x".repeat(body_bytes.saturating_sub(r#"{"access_token":""}"#.len()));
        let constant = Bytes::from(format!(r#"{{"access_token":"{filler}"}}"#));
        let bare = Bare { constant, pool: Arc::new(open(&url)?) };
        let router = Router::new()
            .route("/constant", post(constantly))
            .route("/read/{id}", post(read))
            .with_state(bare);
        let listener = TcpListener::bind(local(0)).await?;
        println!("{}", listener.local_addr()?);
        axum::serve(listener.tap_io(|stream| drop(stream.set_nodelay(true))), router).await?;
        Ok(())
    })
}

fn open(url: &str) -> Result<Pool, Fault> {
    if url.starts_with("postgres:") {
        let options = PgPoolOptions::new().max_connections(POOL).test_before_acquire(false);
        return Ok(Pool::Postgres(options.connect_lazy(url)?));
    }
    let options = SqlitePoolOptions::new().max_connections(POOL).test_before_acquire(false);
    Ok(Pool::Sqlite(options.connect_lazy_with(SqliteConnectOptions::from_str(url)?.read_only(true))))
}

async fn constantly(State(bare): State<Bare>) -> Response {
    answer(&bare)
}

async fn read(State(bare): State<Bare>, Path(id): Path<String>) -> Response {
    let token = match bare.pool.as_ref() {
        Pool::Sqlite(pool) => sqlx::query(READ)
            .bind(id)
            .fetch_one(pool)
            .await
            .and_then(|row| row.try_get::<String, _>("access_token")),
        Pool::Postgres(pool) => sqlx::query(READ)
            .bind(id)
            .fetch_one(pool)
            .await
            .and_then(|row| row.try_get::<String, _>("access_token")),
    };
    match token {
        Ok(token) if !token.is_empty() => answer(&bare),
        Ok(_) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn answer(bare: &Bare) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], bare.constant.clone()).into_response()
}
