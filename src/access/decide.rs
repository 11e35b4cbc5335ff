//! What is done for somebody who wants a token now: serve, refresh, or refuse. Pure: reads no clock and no database.

use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::connection::due::BETWEEN_REFRESHES;
use crate::connection::status::Status;

/// What to do for somebody who wants a token now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Hand out the access token as it is.
    Serve,
    /// Ask the issuer for another one first.
    Refresh,
    /// There is nothing to hand out, and nothing is asked for now.
    Refuse,
    /// What there was has run out, and there never was anything to ask for more with: its person is needed.
    RunOut,
}

/// How much life a token must have, and whether a new one is wanted whatever its life.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    pub min_ttl: i64,
    pub force_refresh: bool,
}

/// Decides for one read of the row.
#[must_use]
pub fn decide(connection: &Connection, demand: Demand, now: Timestamp) -> Step {
    // It never had a token, so that none has run out.
    if connection.direct {
        return Step::Refuse;
    }
    if matches!(connection.status, Status::NeedsReconnect | Status::Revoking | Status::Revoked) {
        return Step::Refuse;
    }
    let just_refreshed = next_refresh_at(connection, now).is_some_and(|at| at > now);
    let forced = demand.force_refresh && !just_refreshed;
    if connection.outlives(now, demand.min_ttl) && !forced {
        return Step::Serve;
    }
    if connection.refresh_token.is_none() {
        return match (connection.outlives(now, 0), forced) {
            (true, false) => Step::Serve,
            (true, true) => Step::Refuse,
            (false, _) => Step::RunOut,
        };
    }
    // A token that a refresh has just brought is the best there is, however short its life.
    let waiting = just_refreshed || connection.retry_at.is_some_and(|at| at > now);
    match (waiting, connection.outlives(now, 0)) {
        (false, _) => Step::Refresh,
        (true, true) => Step::Serve,
        (true, false) => Step::Refuse,
    }
}

/// When thirty seconds are over since the last refresh. An answer that was lost since is no refresh: it is asked for again
/// as soon as its token is missed, for an overlap may heal it.
fn next_refresh_at(connection: &Connection, now: Timestamp) -> Option<Timestamp> {
    let lost =
        matches!(connection.status, Status::InDoubt | Status::Refreshing) && !connection.outlives(now, 0);
    connection.refreshed_at.filter(|_| !lost).map(|at| at.plus(BETWEEN_REFRESHES))
}

/// From when on the issuer may be asked again; None when it may be at once.
#[must_use]
pub fn asks_again_at(connection: &Connection, now: Timestamp) -> Option<Timestamp> {
    connection.retry_at.max(next_refresh_at(connection, now))
}
