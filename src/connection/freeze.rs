//! Freezes: who or what is stopped for a while. Judged at every hand-out, never a state of a connection.

use super::{Connection, allow};
use crate::App;
use crate::clock::Timestamp;

/// One row of `freezes`.
#[derive(Clone, Debug)]
pub struct Freeze {
    pub scope: Scope,
    /// An id; of no meaning where the scope is `all`.
    pub target: String,
    /// Only what was connected before this moment.
    pub issued_before: Option<Timestamp>,
}

/// What a freeze stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Scope {
    Account,
    App,
    Issuer,
    Caller,
    Connection,
    All,
}

/// Whose use of a connection is judged.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    pub connection: &'a Connection,
    /// Of the connection's app.
    pub issuer_id: &'a str,
    /// None when the access token itself asks.
    pub caller_id: Option<&'a str>,
}

impl Freeze {
    #[must_use]
    pub fn covers(&self, used: Use<'_>) -> bool {
        let connection = used.connection;
        let recent = self.issued_before.is_some_and(|moment| connection.connected_at >= moment);
        match self.scope {
            Scope::Caller => used.caller_id == Some(self.target.as_str()),
            _ if recent => false,
            Scope::Account => self.target == connection.account_id,
            Scope::App => self.target == connection.app_id,
            Scope::Issuer => self.target == used.issuer_id,
            Scope::Connection => self.target == connection.id,
            Scope::All => true,
        }
    }
}

/// Whether a freeze covers this use, by what is held in memory: only where this process is alone.
pub(super) async fn is_frozen(app: &App, used: Use<'_>) -> Result<bool, sqlx::Error> {
    let freezes = app.held.freezes.get(&app.db, async || allow::store::freezes(&app.db).await).await?;
    Ok(freezes.iter().any(|freeze| freeze.covers(used)))
}
