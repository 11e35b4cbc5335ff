//! What a person chose when they consented: for how long, and at which environments to do what. Judged at every
//! hand-out; changed on the connection's page; ended here when its time is over.

mod store;

use serde::{Deserialize, Serialize};

use crate::Broker;
use crate::clock::Timestamp;
use crate::connection::allowed::Allowed;
use crate::connection::{Connection, store as connections};
use crate::error::Error;
use crate::ledger::{self, Action, Entry};
use crate::revoke::begin;

const DAY: i64 = 86_400;

/// What a person chose in a form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    pub lasts: Lasts,
    pub places: Places,
}

/// For how long.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Lasts {
    /// As it was chosen before; until it is stopped where nothing was.
    #[default]
    AsBefore,
    UntilStopped,
    ThirtyDays,
    OneDay,
    /// As it was chosen before, when that was still to be seen; in Unix seconds. No form says it.
    #[strum(disabled)]
    At(i64),
}

impl Lasts {
    /// When it ends by itself, if it does.
    #[must_use]
    pub fn end(self, before: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        match self {
            // One that is over is not silently made longer than it must be.
            Self::AsBefore => before.map(|ends| if ends > now { ends } else { now.plus(DAY) }),
            Self::At(moment) => Some(Timestamp::from_unix(moment)),
            Self::UntilStopped => None,
            Self::ThirtyDays => Some(now.plus(30 * DAY)),
            Self::OneDay => Some(now.plus(DAY)),
        }
    }
}

/// Where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Places {
    /// As it was chosen before; everywhere where nothing was.
    #[default]
    AsBefore,
    Chosen(Allowed),
}

impl Choice {
    /// What "as before" means for a connection that is to be renewed: it may be gone when the person comes back.
    #[must_use]
    pub fn settled(&self, renewed: &Connection) -> Self {
        let lasts = match (self.lasts, renewed.consent_expires_at) {
            (Lasts::AsBefore, Some(ends)) => Lasts::At(ends.unix()),
            (Lasts::AsBefore, None) => Lasts::UntilStopped,
            (chosen, _) => chosen,
        };
        Self { lasts, places: Places::Chosen(self.places.over(&renewed.allowed)) }
    }
}

impl Places {
    #[must_use]
    pub fn over(&self, before: &Allowed) -> Allowed {
        match self {
            Self::AsBefore => before.clone(),
            Self::Chosen(allowed) => allowed.clone(),
        }
    }
}

/// Changes what was chosen, for every request that begins after the answer. Content tokens that are kept are not handed
/// out again.
///
/// # Errors
/// [`Error::Conflict`] when it is not live any more, or was chosen otherwise meanwhile.
pub async fn change(
    broker: &Broker,
    connection: &Connection,
    actor: &str,
    choice: &Choice,
) -> Result<(), Error> {
    let now = broker.clock.now();
    let ends = choice.lasts.end(connection.consent_expires_at, now);
    let allowed = choice.places.over(&connection.allowed);
    let mut transaction = broker.db.begin().await?;
    if !store::choose(broker, &mut transaction, connection, ends, &allowed, now).await? {
        let sentence =
            "Something else about this app was changed at the same moment. Look at it, and choose again.";
        return Err(Error::Conflict(sentence.to_owned()));
    }
    crate::content::withdraw(&mut transaction, &connection.id).await?;
    let entry = Entry::of(connection, actor);
    ledger::append(&mut transaction, &broker.ledger, Action::ConsentChanged, &entry, now).await?;
    transaction.commit().await?;
    Ok(())
}

/// Ends what was consented to for a time that is over: nothing has been handed out since, and now the issuer is told.
/// Called every second; see [`crate::start::carry_on`].
///
/// # Errors
/// When the database does not answer.
pub async fn end_due(broker: &Broker) -> Result<(), Error> {
    for id in store::ended(&broker.db, broker.clock.now()).await? {
        let Some(connection) = connections::by_id(&broker.db, &id).await? else { continue };
        match begin::end(broker, &connection, begin::Which::WhoseTimeIsOver, "attache").await {
            // Another replica, or the person, was quicker.
            Ok(_) | Err(Error::ConnectionNotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
