//! Hands out the access token of a connection: the one path that every dialect takes. Refreshes first when
//! too little life is left.

use std::sync::Arc;

use super::seal::{open_access_token, open_refresh_token};
use super::state::{Cause, Demand, Status, Step, asks_again_at, decide};
use super::{Connection, allow, flight, reread, run_out};
use crate::App;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::ledger::hand_out::{self, HandOut};
use crate::secret::Token;

/// Seconds of life a token has at least, where the caller says nothing and the issuer allows it.
pub const DEFAULT_MIN_TTL: i64 = 60;

/// An access token on its way to a caller.
#[derive(Debug)]
pub struct AccessToken {
    pub token: Token,
    /// Seconds; None when the issuer did not say.
    pub expires_in: Option<i64>,
    pub connection: Arc<Connection>,
}

/// For whoever shows this API key.
///
/// # Errors
/// [`Error::InvalidAuth`]; [`Error::ConnectionNotFound`]; [`Error::ReconnectRequired`] with the link;
/// [`Error::IssuerUnavailable`] when the token is dead and another cannot be had now; [`Error::Misconfigured`].
pub async fn access_token(app: &App, key: &Token, id: &str, demand: Demand) -> Result<AccessToken, Error> {
    let (caller, mut connection) = allow::by_key(app, key, id).await?;
    if settle(app, &connection, demand).await? {
        connection = allow::for_caller(app, &caller.id, id).await?;
    }
    hand_out(app, connection, &caller.id, demand).await
}

/// The access token of a connection whose use was already allowed, fresh enough to be used at once, and its generation.
///
/// # Errors
/// As [`access_token`]; [`Error::ConnectionNotFound`] also when another identity has taken the connection over meanwhile.
pub async fn fresh_token(app: &App, connection: &Arc<Connection>) -> Result<(Token, i64), Error> {
    let demand = Demand { min_ttl: DEFAULT_MIN_TTL, force_refresh: false };
    let mut current = Arc::clone(connection);
    if settle(app, &current, demand).await? {
        current = reread(app, &current).await?;
    }
    if current.external != connection.external {
        return Err(Error::ConnectionNotFound);
    }
    if !servable(app, &current) {
        return Err(refusal(app, &current).await);
    }
    let token = open_access_token(app, &current)?.ok_or(Error::ConnectionNotFound)?;
    Ok((token, current.generation))
}

/// Does what must be done first; whether anything was.
async fn settle(app: &App, connection: &Connection, demand: Demand) -> Result<bool, Error> {
    match decide(connection, demand, app.clock.now()) {
        Step::Serve | Step::Refuse => return Ok(false),
        Step::Refresh => flight::join(app, connection).await?,
        Step::RunOut => run_out::end(app, connection).await?,
    }
    Ok(true)
}

async fn hand_out(
    app: &App,
    connection: Arc<Connection>,
    caller_id: &str,
    demand: Demand,
) -> Result<AccessToken, Error> {
    if !servable(app, &connection) || (demand.force_refresh && connection.refresh_token.is_none()) {
        let error = refusal(app, &connection).await;
        app.metrics.hand_out(error.answer().1);
        return Err(error);
    }
    let token = open_access_token(app, &connection)?.ok_or(Error::ConnectionNotFound)?;
    let now = app.clock.now();
    hand_out::record(app, &HandOut::of(&connection, caller_id, None, now)).await?;
    app.metrics.hand_out("ok");
    let expires_in = connection.access_expires_at.map(|expires| expires.seconds_from(now));
    Ok(AccessToken { token, expires_in, connection })
}

/// A token that still lives is handed out with its true life, whatever the issuer is going through; but not
/// one of a grant that is known to be dead.
fn servable(app: &App, connection: &Connection) -> bool {
    connection.is_live()
        && connection.status != Status::NeedsReconnect
        && connection.outlives(app.clock.now(), 0)
}

/// Why there is no token, in the words of whoever must act.
async fn refusal(app: &App, connection: &Connection) -> Error {
    let third_party = match crate::app::by_id(app, &connection.app_id).await {
        Ok(Some(third_party)) => third_party,
        Ok(None) => return Error::ConnectionNotFound,
        Err(error) => return error.into(),
    };
    let connect_url = connection.connect_url(app, &third_party);
    let reconnect = |cause| Error::ReconnectRequired { cause, connect_url: connect_url.clone() };
    match connection.status {
        Status::Revoking | Status::Revoked => Error::ConnectionNotFound,
        Status::NeedsReconnect => reconnect(connection.cause.unwrap_or(Cause::RevokedUpstream)),
        _ if connection.is_held_back() => Error::RestoredCopy { connect_url: connect_url.clone() },
        // What it was given lives on, and there is nothing to ask for more with.
        _ if connection.refresh_token.is_none() => reconnect(Cause::NoRefreshToken),
        _ if connection.cause == Some(Cause::UnusableToken) => Error::UnusableToken {
            issuer: third_party.issuer.name.clone(),
            retry_after: retry_after(app, connection, &third_party.issuer),
        },
        Status::Misconfigured => Error::Misconfigured { issuer: third_party.issuer.name.clone() },
        // The issuer is not to blame for what cannot be opened here.
        _ => match open_refresh_token(app, connection).and_then(|_| crate::app::client(app, &third_party)) {
            Err(damaged) => damaged,
            Ok(_) => Error::IssuerUnavailable {
                issuer: third_party.issuer.name.clone(),
                retry_after: retry_after(app, connection, &third_party.issuer),
            },
        },
    }
}

/// Seconds: what the connection waits for, or else its issuer.
fn retry_after(app: &App, connection: &Connection, issuer: &Issuer) -> i64 {
    let own = asks_again_at(connection, app.clock.now()).map(|at| at.seconds_from(app.clock.now()));
    let left_alone = app.issuers.calls.closed_for(issuer).map(|closed| closed.retry_after);
    own.max(left_alone).unwrap_or(5).max(1)
}
