//! A statement and its values: the only way in which the house speaks to a database. Its text is ours, and a value never
//! becomes part of it. `$1` is the first value that is bound, wherever and however often it stands: both drivers bind by
//! the number. Knows no table.

use sqlx::any::AnyArguments;
use sqlx::{Any, Arguments as _, AssertSqlSafe, Encode, SqlSafeStr, SqlStr, Type};

use super::error::Error;
use super::pool::{DbConnection, Pool};
use super::row::Row;
use super::write::{Transaction, Writer};

/// A text of SQL that was joined from constants and numbers of ours. Nothing that anybody sent may be in it.
pub struct Constants(pub String);

/// What may be run: a literal, or a text that says what it was joined from.
pub trait Text {
    fn into_text(self) -> SqlStr;
}

impl Text for &'static str {
    fn into_text(self) -> SqlStr {
        self.into_sql_str()
    }
}

impl Text for Constants {
    fn into_text(self) -> SqlStr {
        AssertSqlSafe(self.0).into_sql_str()
    }
}

/// What may be bound: text or an integer. A null is of one of the two types, because PostgreSQL asks for it.
pub trait Value<'v>: Encode<'v, Any> + Type<Any> {}

impl<'v> Value<'v> for &'v str {}
impl Value<'_> for String {}
impl<'v> Value<'v> for &'v String {}
impl<'v> Value<'v> for Option<&'v str> {}
impl Value<'_> for Option<String> {}
impl<'v> Value<'v> for &'v Option<String> {}
impl Value<'_> for i64 {}
impl Value<'_> for Option<i64> {}

/// A statement that is to be run.
#[must_use = "a statement does nothing until it is run"]
pub struct Sql {
    text: SqlStr,
    values: Result<AnyArguments, Error>,
}

/// Where a statement runs: on the database, in a transaction of its own; or in a change that has begun.
pub enum On<'a> {
    Database {
        pool: &'a Pool,
        /// None on PostgreSQL, where each connection may write.
        writer: Option<&'a Writer>,
    },
    Change(&'a mut DbConnection),
}

impl<'a> From<&'a mut DbConnection> for On<'a> {
    fn from(connection: &'a mut DbConnection) -> Self {
        Self::Change(connection)
    }
}

impl<'a> From<&'a mut Transaction> for On<'a> {
    fn from(transaction: &'a mut Transaction) -> Self {
        Self::Change(transaction)
    }
}

/// A statement of this text, without its values.
pub fn sql(text: impl Text) -> Sql {
    Sql { text: text.into_text(), values: Ok(AnyArguments::default()) }
}

impl Sql {
    /// The next value: the first is `$1`.
    pub fn bind<'v>(mut self, value: impl Value<'v>) -> Self {
        if let Ok(values) = &mut self.values
            && values.add(value).is_err()
        {
            self.values = Err(Error::refused("a value cannot be sent to the database"));
        }
        self
    }

    /// Every row.
    ///
    /// # Errors
    /// When the database refuses or does not answer.
    pub async fn all<'a>(self, on: impl Into<On<'a>>) -> Result<Vec<Row>, Error> {
        let (text, values) = (self.text, self.values?);
        match on.into() {
            On::Database { pool, .. } => pool.acquire().await?.rows(text, values).await,
            On::Change(connection) => connection.rows(text, values).await,
        }
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// When the database refuses or does not answer.
    pub async fn optional<'a>(self, on: impl Into<On<'a>>) -> Result<Option<Row>, Error> {
        let (text, values) = (self.text, self.values?);
        match on.into() {
            On::Database { pool, .. } => pool.acquire().await?.row(text, values).await,
            On::Change(connection) => connection.row(text, values).await,
        }
    }

    /// The first row, where there always is one.
    ///
    /// # Errors
    /// When there is none; when the database refuses or does not answer.
    pub async fn one<'a>(self, on: impl Into<On<'a>>) -> Result<Row, Error> {
        self.optional(on).await?.ok_or_else(|| Error::refused("the database answered no row"))
    }

    /// A change; how many rows it changed. On SQLite one that is run on the database takes its turn at the writer.
    ///
    /// # Errors
    /// When the database refuses or does not answer.
    pub async fn execute<'a>(self, on: impl Into<On<'a>>) -> Result<u64, Error> {
        let (text, values) = (self.text, self.values?);
        match on.into() {
            On::Database { writer: Some(writer), .. } => {
                let mut transaction = writer.begin().await?;
                let changed = transaction.changed(text, values).await?;
                transaction.commit().await?;
                Ok(changed)
            }
            On::Database { pool, writer: None } => pool.acquire().await?.changed(text, values).await,
            On::Change(connection) => connection.changed(text, values).await,
        }
    }
}
