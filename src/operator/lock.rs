//! The lock beside a SQLite database: one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// Held until it is dropped; the operating system lets it go when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("another process is using the database; its lock is {0}")]
    Held(PathBuf),
    #[error("the lock {0} cannot be made: {1}")]
    Io(PathBuf, std::io::Error),
}

/// # Errors
/// [`LockError::Held`] when another process has it.
pub fn acquire(database: &Path) -> Result<Lock, LockError> {
    let path = beside(database, "lock");
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = open.map_err(|error| LockError::Io(path.clone(), error))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(LockError::Held(path)),
        Err(TryLockError::Error(error)) => Err(LockError::Io(path, error)),
    }
}

/// `attache.db` → `attache.db.lock`
#[must_use]
pub fn beside(database: &Path, extension: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}
