//! An Auth0-like issuer and a content platform on loopback, for `attache demo` and the tests. They stand in
//! for other people's servers: nothing of the broker may depend on them, and they never see its database.

pub mod fault;
pub mod issuer;
mod jwt;
mod page;
mod person;
pub mod platform;
mod serve;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use person::Person;

/// The value behind a lock, also after a test panicked while it held it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
