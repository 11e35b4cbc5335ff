//! Hand-outs as they are counted: the row on which one is, and what waits to be written. Counts nothing itself.

use std::hash::{Hash, Hasher};

use tokio::sync::oneshot;

use crate::clock::Timestamp;

/// The one row of the ledger on which a hand-out and its repeats are counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HandOutLine {
    pub connection_id: String,
    pub caller_id: String,
    pub generation: i64,
    pub environment_id: Option<String>,
    pub day: i64,
    pub account_id: String,
    pub app_id: String,
}

impl Hash for HandOutLine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.caller_id.as_str(), self.connection_id.as_str(), self.generation, self.day).hash(state);
    }
}

/// Hand-outs since the last write.
#[derive(Clone, Copy, Debug)]
pub struct Repeats {
    pub times: i64,
    pub last_at: Timestamp,
    /// What the connection's row says of its last use; None before it was told of this one.
    pub(super) told: Option<Timestamp>,
}

/// How often something was handed out, and when last.
#[derive(Clone, Debug)]
pub struct Counted {
    pub line: HandOutLine,
    pub times: i64,
    pub last_at: Timestamp,
}

/// First hand-outs that are to be written, and who waits for that.
#[derive(Debug, Default)]
pub struct Firsts {
    pub(super) waiting: Vec<(Counted, oneshot::Sender<bool>)>,
    /// Whether a task is writing.
    pub(super) writing: bool,
}
