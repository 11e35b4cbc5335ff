//! Tells issuers of revokes, each until it confirms or is known not to be able to, and destroys the secrets then. What
//! is to be told is in the outbox, written with the revoke itself. Revokes nothing here.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

use super::shared::shares_a_grant;
use super::store;
use super::unused_refresh_token;
use crate::Broker;
use crate::app::App;
use crate::connection::seal::{open_access_token, open_refresh_token};
use crate::connection::{Connection, ExternalIdentity, store as connections};
use crate::consent::attempt;
use crate::db;
use crate::error::Error;
use crate::issuer::management_api::{self, Management};
use crate::issuer::revocation_endpoint::{self, CanBeTold};
use crate::issuer::revoke::{Kind, Told};
use crate::issuer::{self, IssuerFault};
use crate::ledger::Entry;
use crate::secret::{Token, random_bytes};

/// Seconds until an issuer that could not be told is told again: doubled each time, up to an hour.
const FIRST_PAUSE: i64 = 5;
const LONGEST_PAUSE: i64 = 3600;
/// Seconds after which an issuer that never confirmed is told no more, and the secrets are destroyed all the same.
const GIVEN_UP_AFTER: i64 = 30 * 86_400;
/// Seconds until it is looked again whether a consent of the same person has ended.
const LOOK_AGAIN: i64 = 15;

/// Seconds for which whoever is to tell is not taken for lost.
pub(crate) fn claim(broker: &Broker) -> i64 {
    60 + 2 * i64::try_from(broker.config.outbound.deadline_seconds).unwrap_or(60)
}

/// Tells issuers what they have not confirmed yet: they were away, or the process ended between the revoke and the
/// telling. Called every second; see [`crate::start::carry_on`].
///
/// # Errors
/// When the database does not answer.
pub async fn tell_again(broker: &Broker) -> Result<(), db::Error> {
    for id in store::claim_due(&broker.db, broker.clock.now(), claim(broker)).await? {
        in_a_task(broker, id);
    }
    Ok(())
}

/// Tells the issuer now, in a task that outlives whoever asked; it may be waited for.
#[expect(clippy::must_use_candidate, reason = "who does not wait lets go of it")]
pub fn in_a_task(broker: &Broker, id: String) -> Telling {
    let teller = broker.clone();
    let telling = async move {
        if let Err(error) = tell(&teller, &id).await {
            tracing::error!(connection = id, %error, "the issuer could not be told of a revoke");
            // Not to be tried each minute for ever: what does not open today hardly opens tomorrow.
            if let Err(error) = put_off(&teller, &id, &error.to_string(), 0).await {
                tracing::error!(connection = id, %error, "nor could that be written down");
            }
        }
    };
    Telling(broker.tasks.spawn(telling.in_current_span()))
}

/// An issuer that is being told.
#[derive(Debug)]
pub struct Telling(JoinHandle<()>);

impl Telling {
    /// Waits until the issuer has been told, for a second at the most, so that a quick one's confirmation is there when
    /// somebody looks. It waits in nobody's place, and not at all where as many wait for this issuer as may.
    pub async fn for_a_second(self, issuer: &str) {
        if let Ok(_waiting) = crate::load::waiting_for(issuer) {
            let _ = timeout(Duration::from_secs(1), self.0).await;
        }
    }
}

/// Where other consents may end with it, what the issuer is being told now would end a consent that is given meanwhile: so a new
/// consent of the person waits for it, and no telling begins while one is open.
///
/// # Errors
/// [`Error::IssuerUnavailable`] when that takes too long.
pub async fn wait_for_the_told(broker: &Broker, account_id: &str, app: &App) -> Result<(), Error> {
    let issuer = &app.issuer;
    if !issuer.profile.revocation_reach.may_end_others() {
        return Ok(());
    }
    let until = Instant::now() + Duration::from_secs(broker.config.outbound.deadline_seconds);
    // Whoever waits here takes nobody's place.
    let _waiting = crate::load::waiting_for(&issuer.external_name())?;
    while store::is_being_told(&broker.db, account_id, &app.id, broker.clock.now()).await? {
        if Instant::now() > until {
            return Err(Error::IssuerUnavailable { issuer: issuer.name.clone(), retry_after: 10 });
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Tells the issuer and destroys the secrets. What could not be told stays in the outbox.
async fn tell(broker: &Broker, id: &str) -> Result<(), Error> {
    // Read again: a refresh may have stored a newer token before the revoke.
    let connection = connections::by_id(&broker.db, id).await?.ok_or(Error::ConnectionNotFound)?;
    let app = crate::app::by_id(broker, &connection.app_id).await?.ok_or(Error::AppNotFound)?;
    let lease_now = broker.db.lease_now(&broker.clock).await?;
    if let Some(until) = connection.lease_until.filter(|until| *until > lease_now) {
        // A refresh is under way: told when it has ended, or at the latest when its lease has.
        store::defer(&broker.db, id, until).await?;
        return Ok(());
    }
    if connection.external.issuer != app.issuer.external_name() {
        return Err(Error::Internal("The connection is of another issuer than its app.".to_owned()));
    }
    let Some(_place) = broker.issuers.calls.enter_to_revoke(&app.issuer) else {
        store::defer(&broker.db, id, broker.clock.now().plus(1)).await?;
        return Ok(());
    };
    // From here on a new consent of the person waits, unless it began before.
    if !store::begin_telling(&broker.db, id, broker.clock.now().plus(claim(broker))).await? {
        return Ok(());
    }
    if is_connecting_again(broker, &connection, &app).await? {
        store::defer(&broker.db, id, broker.clock.now().plus(LOOK_AGAIN)).await?;
        return Ok(());
    }
    match ask(broker, &connection, &app).await? {
        Ok(told) => finish(broker, &connection, told).await,
        Err(fault) => {
            tracing::warn!(connection = id, issuer = app.issuer.key, %fault, "a revoke is not confirmed yet");
            let said = match fault {
                IssuerFault::Unavailable(_, Some(seconds)) => seconds,
                _ => 0,
            };
            put_off(broker, id, &fault.to_string(), said).await
        }
    }
}

/// The grant in use first, then those that it superseded, each on its own: one that cannot be told keeps no other.
async fn ask(
    broker: &Broker,
    connection: &Connection,
    app: &App,
) -> Result<Result<Told, IssuerFault>, Error> {
    let mut told =
        end_at_issuer(broker, app, connection, &connection.external, &held(broker, connection)?).await?;
    for superseded in unused_refresh_token::kept(broker, connection).await? {
        let whose = ExternalIdentity { subject: superseded.subject, ..connection.external.clone() };
        let tokens = [(superseded.token, Kind::RefreshToken)];
        // Each takes its time: whoever tells is not lost.
        store::begin_telling(&broker.db, &connection.id, broker.clock.now().plus(claim(broker))).await?;
        match end_at_issuer(broker, app, connection, &whose, &tokens).await? {
            Ok(Told::Confirmed) => {
                unused_refresh_token::store::forget(&broker.db, &superseded.id).await?;
                told = told.map(|told| if told == Told::Unsupported { Told::Confirmed } else { told });
            }
            Ok(_) => {}
            Err(fault) => told = told.and(Err(fault)),
        }
    }
    Ok(told)
}

/// What the issuer is told of: the refresh token, and the access token where it does not take that.
fn held(broker: &Broker, connection: &Connection) -> Result<Vec<(Token, Kind)>, Error> {
    let refresh_token = open_refresh_token(broker, connection)?.map(|token| (token, Kind::RefreshToken));
    let access_token = match open_access_token(broker, connection) {
        // The refresh token is enough, and mostly all that is asked for.
        Err(_) if refresh_token.is_some() => None,
        opened => opened?.map(|token| (token, Kind::AccessToken)),
    };
    Ok(refresh_token.into_iter().chain(access_token).collect())
}

/// Ends what one consent gave, unless that may end what is in use.
async fn end_at_issuer(
    broker: &Broker,
    app: &App,
    connection: &Connection,
    whose: &ExternalIdentity,
    tokens: &[(Token, Kind)],
) -> Result<Result<Told, IssuerFault>, Error> {
    let management = management(broker, app).filter(|_| !whose.subject.is_empty());
    // What the app holds by itself ends with the grant, and in no other way.
    let can_end = if connection.direct { management.is_some() } else { !tokens.is_empty() };
    if !can_end {
        return Ok(Ok(Told::Unsupported));
    }
    let issuer = &app.issuer;
    if issuer.profile.revocation_reach.may_end_others()
        && shares_a_grant(broker, &connection.account_id, &connection.app_id, whose).await?
    {
        // Another live connection shares what dies there: left to run out, for its sake.
        return Ok(Ok(Told::Withheld));
    }
    if let Some(management) = management {
        let (client_id, subject) = (&app.client_id, &whose.subject);
        return Ok(management_api::delete(&broker.issuers, issuer, &management, client_id, subject).await);
    }
    let client = crate::app::client(broker, app)?;
    Ok(issuer::revoke::revoke(&broker.issuers, issuer, &client, tokens).await)
}

/// Whether the issuer of an app can be told of a connection's end, as far as that is known. Where nobody has looked, somebody
/// looks now.
#[must_use]
pub fn can_be_told(broker: &Broker, app: &App, connection: &Connection) -> CanBeTold {
    if management(broker, app).is_some() {
        return CanBeTold::Yes;
    }
    if connection.direct {
        return CanBeTold::No;
    }
    let known = revocation_endpoint::can_be_told(&broker.issuers, &app.issuer);
    if known == CanBeTold::NotKnown {
        let (broker, issuer) = (broker.clone(), app.issuer.clone());
        let tasks = broker.tasks.clone();
        let looking = async move {
            if let Err(fault) = revocation_endpoint::revocation_endpoint(&broker.issuers, &issuer).await {
                tracing::warn!(issuer = issuer.key, %fault, "where it revokes could not be looked up");
            }
        };
        tasks.spawn(looking.in_current_span());
    }
    known
}

fn management(broker: &Broker, app: &App) -> Option<Management> {
    broker.config.issuers.get(&app.issuer.key)?.management()
}

async fn finish(broker: &Broker, connection: &Connection, told: Told) -> Result<(), Error> {
    let now = broker.clock.now();
    let entry = Entry::of(connection, "attache");
    store::finish_revoke(broker, connection, told, &entry, now).await?;
    store::done(&broker.db, &connection.id, now).await?;
    broker.db.truncate_log().await;
    Ok(())
}

/// `said` is after how many seconds the issuer wants to be asked again.
async fn put_off(broker: &Broker, id: &str, why: &str, said: i64) -> Result<(), Error> {
    let now = broker.clock.now();
    let Some(task) = store::task(&broker.db, id).await? else { return Ok(()) };
    if task.created_at.plus(GIVEN_UP_AFTER) <= now {
        let connection = connections::by_id(&broker.db, id).await?.ok_or(Error::ConnectionNotFound)?;
        return finish(broker, &connection, Told::Unconfirmed).await;
    }
    let next_at = now.plus(pause(task.attempts, said));
    Ok(store::failed(&broker.db, id, why, next_at).await?)
}

/// What many were told together they are not told together again.
fn pause(attempts: i64, said: i64) -> i64 {
    let doubled = FIRST_PAUSE << attempts.clamp(0, 10);
    let pause = doubled.max(said).clamp(FIRST_PAUSE, LONGEST_PAUSE);
    pause + pause * i64::from(random_bytes::<1>()[0] % 20) / 100
}

async fn is_connecting_again(broker: &Broker, connection: &Connection, app: &App) -> Result<bool, db::Error> {
    if !app.issuer.profile.revocation_reach.may_end_others() {
        return Ok(false);
    }
    attempt::store::is_connecting(
        &broker.db,
        &connection.account_id,
        &connection.app_id,
        None,
        broker.clock.now(),
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour_and_an_issuer_is_left_alone_for_as_long_as_it_says() {
        let between = |pause: i64, least: i64| assert!((least..=least * 6 / 5).contains(&pause), "{pause}");
        between(pause(0, 0), 5);
        between(pause(3, 0), 40);
        between(pause(60, 0), 3600);
        between(pause(0, 120), 120);
        between(pause(0, 86_400), 3600);
    }
}
