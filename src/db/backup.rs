//! Copies a SQLite database into another file while it is being used: one moment of it, without what was deleted. On the
//! checkpointer's connection, so that nothing truncates the log under the copy and keeps those waiting who write.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::checkpoint::Checkpointer;
use super::error::Error;
use crate::secret::random_id;

/// The end of the name of a copy that is being made, and the random letters before it.
const PART: &str = ".part";
const NAME: usize = 10;

/// Why there is no copy; for the operator.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{0} is there already; a backup never overwrites anything")]
    Exists(PathBuf),
    #[error("{0} cannot be written: {1}")]
    Io(PathBuf, io::Error),
    #[error("the database could not be copied: {0}")]
    Copy(Error),
}

/// Copies the database into a file that is not there yet, readable by its owner only, and returns once the copy would
/// survive a power cut; its size in bytes.
pub(super) async fn copy(checkpointer: &Checkpointer, to: &Path) -> Result<u64, BackupError> {
    let failed = |error| match error {
        error if io::Error::kind(&error) == io::ErrorKind::AlreadyExists => {
            BackupError::Exists(to.to_owned())
        }
        error => BackupError::Io(to.to_owned(), error),
    };
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    remove_what_was_cut_short(to);
    let mut part = to.as_os_str().to_owned();
    part.push(format!(".{}{PART}", random_id::<NAME>()));
    let part = PathBuf::from(part);
    let done = write(checkpointer, to, &part).await.map_err(|error| match error {
        BackupError::Io(_, error) => failed(error),
        other => other,
    });
    let _ = std::fs::remove_file(&part);
    done
}

async fn write(checkpointer: &Checkpointer, to: &Path, part: &Path) -> Result<u64, BackupError> {
    let failed = |error| BackupError::Io(part.to_owned(), error);
    if part.to_str().is_none() {
        return Err(failed(io::Error::other("its name is not UTF-8")));
    }
    // Held, and with it the lock, until the copy is done.
    let _making = create(part).map_err(failed)?;
    checkpointer.copy_into(part).await.map_err(|error| BackupError::Copy(error.into()))?;
    let (to, part) = (to.to_owned(), part.to_owned());
    let synced = tokio::task::spawn_blocking(move || {
        let failed = |error| BackupError::Io(part.clone(), error);
        let file = File::open(&part).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        // Unlike a rename it takes no place that is taken.
        std::fs::hard_link(&part, &to).map_err(failed)?;
        let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = File::open(directory.unwrap_or(Path::new(".")));
        directory.and_then(|directory| directory.sync_all()).map_err(failed)?;
        Ok(size)
    });
    synced
        .await
        .unwrap_or_else(|_| Err(BackupError::Io(PathBuf::new(), io::Error::other("the thread ended"))))
}

fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // Where a file system knows no locks, a copy that is being made may be taken for one that was cut short, and fails.
    let _ = file.try_lock();
    Ok(file)
}

/// Copies to the same place whose process was killed: nobody holds their lock any more.
fn remove_what_was_cut_short(to: &Path) {
    let Some(name) = to.file_name().and_then(OsStr::to_str) else { return };
    let folder = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_part = |other: &str| {
        let random = other.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')?.strip_suffix(PART));
        random.is_some_and(|random| random.len() == NAME && random.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.file_name().and_then(OsStr::to_str).is_some_and(is_part)
            && File::open(&path).is_ok_and(|file| file.try_lock().is_ok())
        {
            let _ = std::fs::remove_file(&path);
        }
    }
}
