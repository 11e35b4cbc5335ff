//! The system's limit of open files, which many systems set far below what a server needs.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For everything that is no client's connection: the database, calls to issuers, the machine room.
const OWN: u64 = 256;

/// Raises the limit as far as this process may, and says how many connections fit into it: with more, nothing could
/// be opened any more, the database included.
#[must_use]
pub fn room_for(connections: usize) -> usize {
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: before.maximum, maximum: before.maximum };
    // Where it may not be raised, what there is must do.
    let _ = setrlimit(Resource::Nofile, raised);
    let Some(most) = getrlimit(Resource::Nofile).current else { return connections };
    let room = usize::try_from(most.saturating_sub(OWN)).unwrap_or(usize::MAX).max(1);
    if room < connections {
        tracing::warn!(
            connections = room,
            "the system's limit of open files allows fewer connections than limits.connections"
        );
    }
    room.min(connections)
}
