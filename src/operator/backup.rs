//! Has the database copied while it is being used. It may take longer than anybody waits for one answer, so it goes on in
//! a task, and whoever asks again is told how it stands.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::output::Output;
use crate::Broker;
use crate::db::BackupError;
use crate::error::Error;

/// How long one answer waits for the copy.
const WAIT: Duration = Duration::from_secs(5);

type Copying = JoinHandle<Result<u64, BackupError>>;

/// The copies that are being made, by their files.
#[derive(Debug, Default)]
pub struct Backups(Mutex<HashMap<PathBuf, Copying>>);

impl Backups {
    fn take(&self, file: &Path) -> Option<Copying> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(file)
    }

    fn keep(&self, file: PathBuf, copying: Copying) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(file, copying);
    }
}

/// Begins a copy into `file`, or with `begun` looks how it stands.
///
/// # Errors
/// [`Error::Conflict`] with why there is none.
pub async fn backup(broker: &Broker, file: PathBuf, begun: bool) -> Result<Output, Error> {
    if !file.is_absolute() {
        return Err(Error::InvalidRequest("The backup's file must be named by its whole path.".to_owned()));
    }
    if broker.db.sidecar().is_none() {
        return Err(Error::Conflict(
            "This database is PostgreSQL, which has tools of its own: pg_dump, or a base backup with its log for any \
             moment. docs/backup.md says how, and what else to keep."
                .to_owned(),
        ));
    }
    let mut copying = match broker.backups.take(&file) {
        // Nobody came back for it: it is another moment's.
        Some(ended) if !begun && ended.is_finished() => copy(broker, &file),
        Some(copying) => copying,
        None if begun => {
            return Err(Error::Conflict(
                "The backup was cut short. Run it again: what is left of it is removed then.".to_owned(),
            ));
        }
        None => copy(broker, &file),
    };
    match tokio::time::timeout(WAIT, &mut copying).await {
        Ok(Ok(Ok(bytes))) => Ok(Output::line(format!(
            "{} holds the database as it was at one moment, {bytes} bytes. Keep it apart from the master key ({}), \
             without which it opens nothing.",
            file.display(),
            broker.vault.wraps_by()
        ))),
        Ok(Ok(Err(error))) => Err(Error::Conflict(format!("There is no backup: {error}."))),
        Ok(Err(_)) => Err(Error::Internal("The backup ended without a word.".to_owned())),
        Err(_) => {
            broker.backups.keep(file, copying);
            Output::further(Vec::new(), 0, &())
        }
    }
}

fn copy(broker: &Broker, file: &Path) -> Copying {
    let (broker, file) = (broker.clone(), file.to_owned());
    let tasks = broker.tasks.clone();
    tasks.spawn(async move { broker.db.copy_into(&file).await.unwrap_or(Ok(0)) })
}
