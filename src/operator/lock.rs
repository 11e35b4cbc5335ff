//! The lock beside a SQLite database: one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Held until it is dropped; the operating system lets it go when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error(
        "another process{} uses this database; its lock is {}. Stop it, or give this one a database.url of its own",
        .1.map(|pid| format!(", {pid},")).unwrap_or_default(), .0.display()
    )]
    Held(PathBuf, Option<u32>),
    #[error("the lock {0} cannot be made: {1}")]
    Io(PathBuf, std::io::Error),
}

/// # Errors
/// [`LockError::Held`] when another process has it.
pub fn acquire(database: &Path) -> Result<Lock, LockError> {
    let path = beside(database, "lock");
    let open = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
    let mut file = open.map_err(|error| LockError::Io(path.clone(), error))?;
    match file.try_lock() {
        Ok(()) => {
            // For whoever is refused; the lock holds without it, on a full disk too.
            let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
            Ok(Lock { _file: file })
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            Err(LockError::Held(path, holder.trim().parse().ok()))
        }
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
