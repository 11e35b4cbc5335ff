//! A turn at SQLite's one writing connection: lent to one change, and given back however it ends.

use std::ops::{Deref, DerefMut};

use sqlx::AnyConnection;
use tokio::sync::oneshot;

/// What is to be done once the outcome stands, before anybody is answered.
pub(super) type AfterCommit = Box<dyn FnOnce() + Send>;

/// The writer's connection, lent to one change.
pub(super) struct Turn {
    /// None once it was given back.
    lent: Option<(AnyConnection, oneshot::Sender<Returned>)>,
}

/// How a turn ended.
pub(super) struct Returned {
    pub connection: AnyConnection,
    /// None when the change was abandoned.
    pub waiting: Option<Waiting>,
}

/// A change whose statements have run, and who waits to hear of the commit.
pub(super) struct Waiting {
    pub after: Vec<AfterCommit>,
    pub counts: bool,
    pub told: oneshot::Sender<Result<(), sqlx::Error>>,
}

impl Turn {
    pub(super) async fn end(mut self, after: Vec<AfterCommit>, counts: bool) -> Result<(), sqlx::Error> {
        let (told, outcome) = oneshot::channel();
        let (connection, back) = self.lent.take().ok_or(sqlx::Error::PoolClosed)?;
        if back.send(Returned { connection, waiting: Some(Waiting { after, counts, told }) }).is_err() {
            return Err(sqlx::Error::PoolClosed);
        }
        outcome.await.map_err(|_| sqlx::Error::PoolClosed)?
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some((connection, back)) = self.lent.take() {
            let _ = back.send(Returned { connection, waiting: None });
        }
    }
}

impl Deref for Turn {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.lent.as_ref().expect("a turn holds the connection until it ends").0
    }
}

impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.lent.as_mut().expect("a turn holds the connection until it ends").0
    }
}

/// Lends the connection to one change until it ends. None when it does not come back, which happens only when the
/// process is ending.
pub(super) async fn lend(connection: AnyConnection, asker: oneshot::Sender<Turn>) -> Option<Returned> {
    let (back, returned) = oneshot::channel();
    match asker.send(Turn { lent: Some((connection, back)) }) {
        Ok(()) => {}
        // Whoever asked has gone; dropping the turn gives the connection back.
        Err(turn) => drop(turn),
    }
    returned.await.ok()
}
