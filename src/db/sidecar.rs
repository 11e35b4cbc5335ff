//! The file beside a SQLite database that knows how far it had come: an old copy that was put in the database's place
//! does not know as much. Written after each commit that an old copy would undo, never before it, and not synced: a file
//! that lags behind its database is what a crash leaves, and says nothing. Reads and writes nothing else.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// How far a database had come: which life of it, and how many of the changes that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub epoch: String,
    pub changes: i64,
}

#[derive(Debug)]
pub struct Sidecar {
    path: PathBuf,
    /// None until what was found has been judged: until then it is evidence.
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    file: File,
    epoch: String,
    /// Whether the last write failed, so that it is told once.
    failed: bool,
}

const FIRST: &str = "attache-mark-1";

impl Sidecar {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, kept: Mutex::new(None) }
    }

    /// None when there is none, or none that can be read.
    ///
    /// # Errors
    /// When there is one that this process may not read.
    pub fn read(&self) -> io::Result<Option<Mark>> {
        match std::fs::read(&self.path) {
            Ok(bytes) => Ok(parse(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What was found has been judged: the file says this from now on, and follows the database.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn settle(&self, mark: &Mark) -> io::Result<()> {
        let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&self.path);
        let file = open?;
        let text = text(&mark.epoch, mark.changes);
        file.write_all_at(text.as_bytes(), 0)?;
        file.set_len(text.len() as u64)?;
        file.sync_all()?;
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(std::path::Path::new(".")))?.sync_all()?;
        let kept = Kept { file, epoch: mark.epoch.clone(), failed: false };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(())
    }

    /// The database has come this far, durably. One write of a few bytes, in place.
    pub(super) fn follow(&self, changes: i64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = kept.as_mut() else { return };
        let written = kept.file.write_all_at(text(&kept.epoch, changes).as_bytes(), 0);
        if let Err(error) = &written
            && !kept.failed
        {
            tracing::error!(path = %self.path.display(), %error, "the mark beside the database cannot be written; an old copy may not be recognised");
        }
        kept.failed = written.is_err();
    }
}

/// Always of the same length for one epoch, so that it is overwritten in place.
fn text(epoch: &str, changes: i64) -> String {
    format!("{FIRST} {epoch} {changes:020}\n")
}

fn parse(bytes: &[u8]) -> Option<Mark> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut words = text.split_whitespace();
    let (first, epoch, changes) = (words.next()?, words.next()?, words.next()?);
    let changes = changes.parse().ok()?;
    (first == FIRST && words.next().is_none()).then(|| Mark { epoch: epoch.to_owned(), changes })
}
