//! Hands out the access token of a connection: the one path that every dialect takes. Refreshes first when
//! too little life is left.

use std::sync::Arc;

use super::allow;
use super::decide::{Demand, Step, asks_again_at, decide};
use crate::Broker;
use crate::connection::Connection;
use crate::connection::due::DEFAULT_MIN_TTL;
use crate::connection::look_up::reread;
use crate::connection::seal::{open_access_token, open_refresh_token};
use crate::connection::status::{Cause, Status};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::ledger::hand_out::{self, HandOut};
use crate::refresh::{flight, run_out};
use crate::secret::Token;

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
pub async fn access_token(
    broker: &Broker,
    key: &Token,
    id: &str,
    demand: Demand,
) -> Result<AccessToken, Error> {
    let (caller, mut connection) = allow::by_key(broker, key, id).await?;
    if settle(broker, &connection, demand).await? {
        connection = allow::for_caller(broker, &caller.id, id).await?;
    }
    hand_out(broker, connection, &caller.id, demand).await
}

/// The access token of a connection whose use was already allowed, fresh enough to be used at once, and its generation.
///
/// # Errors
/// As [`access_token`]; [`Error::ConnectionNotFound`] also when another identity has taken the connection over meanwhile.
pub async fn fresh_token(broker: &Broker, connection: &Arc<Connection>) -> Result<(Token, i64), Error> {
    let demand = Demand { min_ttl: DEFAULT_MIN_TTL, force_refresh: false };
    let mut current = Arc::clone(connection);
    if settle(broker, &current, demand).await? {
        current = reread(broker, &current).await?;
    }
    if current.external != connection.external {
        return Err(Error::ConnectionNotFound);
    }
    if !servable(broker, &current) {
        return Err(refusal(broker, &current).await);
    }
    let token = open_access_token(broker, &current)?.ok_or(Error::ConnectionNotFound)?;
    Ok((token, current.generation))
}

/// Does what must be done first; whether anything was.
async fn settle(broker: &Broker, connection: &Connection, demand: Demand) -> Result<bool, Error> {
    match decide(connection, demand, broker.clock.now()) {
        Step::Serve | Step::Refuse => return Ok(false),
        Step::Refresh => flight::join(broker, connection).await?,
        Step::RunOut => run_out::end(broker, connection).await?,
    }
    Ok(true)
}

async fn hand_out(
    broker: &Broker,
    connection: Arc<Connection>,
    caller_id: &str,
    demand: Demand,
) -> Result<AccessToken, Error> {
    if !servable(broker, &connection) || (demand.force_refresh && connection.refresh_token.is_none()) {
        let error = refusal(broker, &connection).await;
        broker.metrics.hand_out(error.answer().1);
        return Err(error);
    }
    let token = open_access_token(broker, &connection)?.ok_or(Error::ConnectionNotFound)?;
    let now = broker.clock.now();
    hand_out::record(broker, &HandOut::of(&connection, caller_id, None, now)).await?;
    broker.metrics.hand_out("ok");
    let expires_in = connection.access_expires_at.map(|expires| expires.seconds_from(now));
    Ok(AccessToken { token, expires_in, connection })
}

/// A token that still lives is handed out with its true life, whatever the issuer is going through; but not
/// one of a grant that is known to be dead.
fn servable(broker: &Broker, connection: &Connection) -> bool {
    connection.is_live()
        && connection.status != Status::NeedsReconnect
        && connection.outlives(broker.clock.now(), 0)
}

/// Why there is no token, in the words of whoever must act.
async fn refusal(broker: &Broker, connection: &Connection) -> Error {
    let app = match crate::app::by_id(broker, &connection.app_id).await {
        Ok(Some(app)) => app,
        Ok(None) => return Error::ConnectionNotFound,
        Err(error) => return error.into(),
    };
    let connect_url = connection.connect_url(broker, &app);
    let reconnect = |cause| Error::ReconnectRequired { cause, connect_url: connect_url.clone() };
    match connection.status {
        Status::Revoking | Status::Revoked => Error::ConnectionNotFound,
        _ if connection.direct => reconnect(Cause::SignsInByItself),
        Status::NeedsReconnect => reconnect(connection.cause.unwrap_or(Cause::RevokedUpstream)),
        _ if connection.is_held_back() => Error::RestoredCopy { connect_url: connect_url.clone() },
        // What it was given lives on, and there is nothing to ask for more with.
        _ if connection.refresh_token.is_none() => reconnect(Cause::NoRefreshToken),
        _ if connection.cause == Some(Cause::UnusableToken) => Error::UnusableToken {
            issuer: app.issuer.name.clone(),
            retry_after: retry_after(broker, connection, &app.issuer),
        },
        Status::Misconfigured => Error::Misconfigured { issuer: app.issuer.name.clone() },
        // The issuer is not to blame for what cannot be opened here.
        _ => match open_refresh_token(broker, connection).and_then(|_| crate::app::client(broker, &app)) {
            Err(damaged) => damaged,
            Ok(_) => Error::IssuerUnavailable {
                issuer: app.issuer.name.clone(),
                retry_after: retry_after(broker, connection, &app.issuer),
            },
        },
    }
}

/// Seconds: what the connection waits for, or else its issuer.
fn retry_after(broker: &Broker, connection: &Connection, issuer: &Issuer) -> i64 {
    let own = asks_again_at(connection, broker.clock.now()).map(|at| at.seconds_from(broker.clock.now()));
    let left_alone = broker.issuers.calls.closed_for(issuer).map(|closed| closed.retry_after);
    own.max(left_alone).unwrap_or(5).max(1)
}
