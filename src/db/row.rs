//! What a statement answers: rows, whose columns are text or integers, each of which may be null. Every width of integer is
//! read as `i64`: a literal is INT4 on PostgreSQL and 64 bits wide on SQLite.

use std::str::FromStr;

use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{Any, Decode, Row as _, Type};

use super::error::Error;
use crate::clock::Timestamp;

/// A row of an answer.
pub struct Row(pub(super) AnyRow);

/// What a column may be read as.
pub trait Field<'r>: Decode<'r, Any> + Type<Any> {}

impl<'r> Field<'r> for &'r str {}
impl Field<'_> for String {}
impl Field<'_> for Option<String> {}
impl Field<'_> for i64 {}
impl Field<'_> for Option<i64> {}

impl Row {
    /// The value of a column.
    ///
    /// # Errors
    /// When there is no such column, or it is of another type.
    pub fn get<'r, T: Field<'r>>(&'r self, column: &str) -> Result<T, Error> {
        Ok(self.0.try_get(column)?)
    }

    /// The text of the first column.
    ///
    /// # Errors
    /// When it is no text.
    pub(super) fn first(&self) -> Result<String, Error> {
        Ok(self.0.try_get(0)?)
    }

    /// A column that is 1 or 0.
    ///
    /// # Errors
    /// When it is no integer.
    pub fn flag(&self, column: &str) -> Result<bool, Error> {
        Ok(self.get::<i64>(column)? == 1)
    }
}

/// A column whose text names one of our enums.
///
/// # Errors
/// When it names none.
pub fn named<T: FromStr>(row: &Row, column: &str) -> Result<T, Error> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| undecodable(column, "is not a word that is known"))
}

/// A column that holds JSON.
///
/// # Errors
/// When it does not hold what is asked for.
pub fn json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, Error> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|_| undecodable(column, "is not the JSON that is expected"))
}

/// A nullable moment.
///
/// # Errors
/// When the column is of another type.
pub fn moment(row: &Row, column: &str) -> Result<Option<Timestamp>, Error> {
    Ok(row.get::<Option<i64>>(column)?.map(Timestamp::from_unix))
}

/// The stored text is of no use; it is not quoted, because it may be a secret.
#[must_use]
pub fn undecodable(column: &str, problem: &'static str) -> Error {
    Error::undecodable(column, problem)
}
