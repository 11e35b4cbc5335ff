//! What a person chose when they consented: for how long, and at which environments to do what. Judged at every
//! hand-out; changed on the connection's page; ended here when its time is over.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::connection::allowed::Allowed;

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
