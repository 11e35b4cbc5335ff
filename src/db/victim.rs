//! What PostgreSQL undoes because of what others did at the same time: whole transactions, which may be tried again.

use sqlx::error::DatabaseError;

/// Whether PostgreSQL chose this transaction to give way (`serialization_failure`, `deadlock_detected`): nothing of it was
/// kept.
#[must_use]
pub fn gave_way(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| matches!(&*code, "40001" | "40P01"))
}
