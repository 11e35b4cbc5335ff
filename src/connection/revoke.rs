//! Revokes: final here in one statement before the answer, then told to the issuer by its reach.

use super::seal::{open_access_token, open_refresh_token};
use super::{Connection, store as connections};
use tracing::Instrument;

use crate::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::issuer::profile::Reach;
use crate::issuer::revoke::{Kind, Told};
use crate::issuer::{self, IssuerFault};
use crate::ledger::{self, Action, Entry};

mod store;

/// Ends a connection. When this returns, no request that begins later gets a token from it, on any replica;
/// telling the issuer goes on in a task of its own.
///
/// # Errors
/// [`Error::ConnectionNotFound`] when it is not live.
pub async fn revoke(app: &App, connection: &Connection, actor: &str) -> Result<(), Error> {
    granted_before(app, connection, Timestamp::from_unix(i64::MAX), actor).await
}

/// The same, unless the person has agreed again at `moment` or later: another grant is not ended by mistake.
///
/// # Errors
/// [`Error::ConnectionNotFound`] when it is not live, or a newer grant.
pub async fn granted_before(
    app: &App,
    connection: &Connection,
    moment: Timestamp,
    actor: &str,
) -> Result<(), Error> {
    let now = app.clock.now();
    let mut transaction = app.db.begin().await?;
    if !connections::begin_revoke(app, &mut transaction, &connection.id, moment, now).await? {
        return Err(Error::ConnectionNotFound);
    }
    crate::content::forget(&mut transaction, &connection.id).await?;
    self::store::enqueue(&mut transaction, connection, now).await?;
    let entry = Entry::of(connection, actor);
    ledger::append(&mut transaction, &app.ledger, Action::RevokeRequested, &entry, now).await?;
    transaction.commit().await?;
    tell_in_a_task(app, connection.id.clone());
    Ok(())
}

/// Tells issuers what they have not confirmed yet: they were away, or the process ended between the revoke and the
/// telling. Housekeeping calls it every few seconds.
///
/// # Errors
/// When the database does not answer.
pub async fn tell_again(app: &App) -> Result<(), sqlx::Error> {
    for id in self::store::claim_due(&app.db, app.clock.now()).await? {
        tell_in_a_task(app, id);
    }
    Ok(())
}

/// Tells the issuer now, in a task that outlives whoever asked.
pub(super) fn tell_in_a_task(app: &App, id: String) {
    let teller = app.clone();
    let telling = async move {
        if let Err(error) = tell_issuer(&teller, &id).await {
            tracing::error!(connection = id, %error, "the issuer could not be told of a revoke");
        }
    };
    app.tasks.spawn(telling.in_current_span());
}

/// Tells the issuer and destroys the secrets. What could not be told stays in the outbox.
async fn tell_issuer(app: &App, id: &str) -> Result<(), Error> {
    // Read again: a refresh may have stored a newer token before the revoke.
    let connection = connections::by_id(&app.db, id).await?.ok_or(Error::ConnectionNotFound)?;
    let third_party = crate::app::by_id(app, &connection.app_id).await?.ok_or(Error::AppNotFound)?;
    let lease_now = app.db.lease_now(&app.clock).await?;
    if let Some(until) = connection.lease_until.filter(|until| *until > lease_now) {
        // A refresh is under way: told when it has ended, or at the latest when its lease has.
        self::store::defer(&app.db, id, until).await?;
        return Ok(());
    }
    if connection.external.issuer != third_party.issuer.external_name() {
        return Err(Error::Internal("The connection is of another issuer than its app.".to_owned()));
    }
    let refresh_token = open_refresh_token(app, &connection)?.map(|token| (token, Kind::RefreshToken));
    let held = match refresh_token {
        Some(held) => Some(held),
        None => open_access_token(app, &connection)?.map(|token| (token, Kind::AccessToken)),
    };
    let told = match held {
        None => Ok(Told::Unsupported),
        // Another live connection shares what dies there: left to run out, for its sake.
        Some(_) if shares_its_grant(app, &connection, &third_party).await? => Ok(Told::Withheld),
        Some((token, kind)) => {
            let client = crate::app::client(app, &third_party)?;
            issuer::revoke::revoke(&app.issuers, &third_party.issuer, &client, &token, kind).await
        }
    };
    let now = app.clock.now();
    match told {
        Ok(told) => {
            let entry = Entry::of(&connection, "attache");
            connections::finish_revoke(app, &connection, told, &entry, now).await?;
            self::store::done(&app.db, id, now).await?;
            app.db.truncate_log().await;
        }
        Err(fault) => {
            tracing::warn!(connection = id, issuer = third_party.issuer.key, %fault, "a revoke is not confirmed yet");
            self::store::failed(&app.db, id, &fault.to_string(), now, pause(&fault)).await?;
        }
    }
    Ok(())
}

async fn shares_its_grant(
    app: &App,
    connection: &Connection,
    third_party: &crate::app::ThirdPartyApp,
) -> Result<bool, Error> {
    if third_party.issuer.profile.revocation_reach != Reach::Grant {
        return Ok(false);
    }
    let others = connections::by_identity(&app.db, &connection.app_id, &connection.external).await?;
    // Where the issuer names nobody, only this person's own can be the same grant.
    let named = !connection.external.subject.is_empty();
    Ok(others.iter().any(|other| named || other.account_id == connection.account_id))
}

/// Seconds until the issuer is told again.
const fn pause(fault: &IssuerFault) -> i64 {
    match fault {
        IssuerFault::Unavailable(_, Some(seconds)) => *seconds,
        _ => 30,
    }
}
