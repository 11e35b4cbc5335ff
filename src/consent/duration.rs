//! How long a consent lasts, as the person chose it. Ends none; see [`super::choose`].

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

const DAY: i64 = 86_400;

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
