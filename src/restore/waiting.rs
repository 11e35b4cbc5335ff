//! The restored copy that waits for the operator's word, and what they are told of it.

use super::store::{self, Restore};
use crate::Broker;
use crate::db;

/// The restored copy that waits for the operator's word, if there is one.
///
/// # Errors
/// When the database does not answer.
pub async fn open(broker: &Broker) -> Result<Option<Restore>, db::Error> {
    store::open(&broker.db).await
}

impl Restore {
    /// For the operator.
    #[must_use]
    pub fn sentence(&self) -> String {
        let newest =
            self.newest_at.map_or_else(String::new, |at| format!(" The last that it knows is of {at}."));
        format!(
            "This is an old copy of the database: {}.{newest} It does not know what was revoked since, so nothing that \
             existed then is handed out until `attache restore done`. {} connections of issuers that rotate refresh \
             tokens are in doubt.",
            self.why, self.connections
        )
    }
}
