//! Why a database could not be opened; for the operator.

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{0}; use sqlite://path or postgres://user:password@host/name")]
    Url(String),
    #[error("the database cannot be opened: {0}")]
    Open(#[from] sqlx::Error),
    /// Each server with the cause.
    #[error("no connection to PostgreSQL could be made: {0}")]
    Unreachable(String),
    #[error(
        "this goes through a pooler that pools transactions (PgBouncer: pool_mode = transaction), which takes from us what a \
         session has: use pool_mode = session, or connect to PostgreSQL itself"
    )]
    TransactionPooling,
    #[error(
        "the database was made by a newer version of Attaché: its schema is {found}, and this one knows {known}. Run that \
         version or a newer one"
    )]
    Newer { found: i64, known: i64 },
    #[error(
        "{left} migrations are to be done, and this role may not create tables: run `attache migrate` first, by a role that \
         owns the database's tables"
    )]
    MayNotCreate { left: usize },
    #[error("the database cannot be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}
