//! What PostgreSQL undoes because of what others did at the same time: whole transactions, which may be tried again.

use super::error::Error;

/// Whether PostgreSQL chose this transaction to give way (`serialization_failure`, `deadlock_detected`): nothing of it was
/// kept.
#[must_use]
pub fn gave_way(error: &Error) -> bool {
    matches!(error.cause().code(), Some("40001" | "40P01"))
}
